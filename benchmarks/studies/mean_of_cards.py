"""Evaluate what several cards say together: python mean_of_cards.py CARD [CARD …].

The mean of their log depths, which is what train_depth --teacher takes of several; a card that is
named twice counts twice. AbsRel by KITTI's protocol on both held-out splits, against lidar.
"""

import sys
from collections import Counter
from math import prod
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_depth_ros.evaluation.protocol.evaluate import (
    EvaluationResult,
    Predictor,
    evaluate_frames,
)
from mono_depth_ros.evaluation.protocol.kitti import KittiFrames
from mono_depth_ros.evaluation.protocol.predictors import card_factor, card_predictor
from mono_depth_ros.inference.cards.model_card import ModelCard, load_card

DATA = Path('../shared/data/kitti')
SPLITS = ('test_kitti2015_20', 'test_drive0052_eigen25')


def main() -> None:
    """Print a row per split."""
    counts = Counter(sys.argv[1:])
    cards = [load_card(name) for name in counts]
    for split in SPLITS:
        result = evaluate(cards, list(counts.values()), split)
        print(
            f'{split}: AbsRel {result.median_scaled.abs_rel:.3f}, '
            f'unscaled {result.unscaled.abs_rel:.3f}'
        )


def evaluate(cards: list[ModelCard], weights: list[int], split: str) -> EvaluationResult:
    """Evaluate the weighted mean of the cards' log depths, at the size of the largest."""
    frames = KittiFrames(DATA / 'test', DATA / 'splits' / f'{split}.txt', 'projected')
    members = [card_predictor(card, frames) for card in cards]
    size = max((card.input_size for card in cards), key=prod)

    def run(images: list[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
        found = [member.run([member.prepare(image) for image in images]) for member in members]
        logs = [
            [np.log(cv2.resize(inverse_depth, size[::-1])) for inverse_depth in of_one]
            for of_one in found
        ]
        return list(np.exp(np.average(logs, axis=0, weights=weights)))

    def factor(K: NDArray[np.float64], image_size: tuple[int, int]) -> float:
        logs = [np.log(card_factor(card, K, image_size)) for card in cards]
        return float(np.exp(np.average(logs, weights=weights)))

    return evaluate_frames(frames, Predictor(lambda image: image, run), depth_factor=factor)


if __name__ == '__main__':
    main()
