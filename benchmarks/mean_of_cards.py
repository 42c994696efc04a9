"""Evaluate what several cards say together: python benchmarks/mean_of_cards.py CARD [CARD …].

The mean of their log depths, which is what train_depth --teacher takes of several; a card that is
named twice counts twice. AbsRel by KITTI's protocol on both held-out splits, against lidar.
"""

import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.evaluation.kitti import evaluate_kitti
from mono_depth_ros.evaluation.predictors import Predictor, network_predictor
from mono_depth_ros.inference.checkpoint import load_network
from mono_depth_ros.inference.model_card import load_card

DATA = Path('../shared/data/kitti')
SPLITS = ('test_kitti2015_20', 'test_drive0052_eigen25')


def main() -> None:
    """Print a row per split."""
    counts = Counter(sys.argv[1:])
    cards = [load_card(name) for name in counts]
    size = max(card.input_size for card in cards)
    members = [network_predictor(load_network(card).deploy(), card.input_size, card.min_depth,
                                 card.max_depth) for card in cards]

    def run(images: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        total = [np.zeros(size) for _ in images]
        for member, weight in zip(members, counts.values()):
            found = member.run([member.prepare(image) for image in images])
            for log, inverse_depth in zip(total, found):
                log += weight * np.log(cv2.resize(inverse_depth, size[::-1]))
        return [np.exp(log / counts.total()).astype(np.float32) for log in total]

    for split in SPLITS:
        result = evaluate_kitti(Predictor(lambda image: image, run), DATA / 'test',
                                DATA / 'splits' / f'{split}.txt', 'projected',
                                depth_factor=lambda K, image_size: 1.0)
        print(f'{split}: AbsRel {result.median_scaled.abs_rel:.3f}, '
              f'unscaled {result.unscaled.abs_rel:.3f}')


if __name__ == '__main__':
    main()
