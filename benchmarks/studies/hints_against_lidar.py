"""Print how far depth hints are from the lidar's depth: python hints_against_lidar.py.

Networks trained with hints from stereo matching can hardly come nearer to the truth than these.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.headline import headline

from mono_depth_ros.datasets.kitti.raw import KittiRaw
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import evaluation_mask, read_depth

DATA = Path('../shared/data/kitti')
KIND = 'projected'


def main() -> None:
    root, split = DATA / 'test', DATA / 'splits' / 'test_kitti2015_20.txt'
    data = KittiRaw(root, split, offsets=(), stereo=True, hints=True)
    errors, shares = [], []
    for entry, sample in zip(data.entries, (data[number] for number in range(len(data)))):
        truth = read_depth(root, entry, KIND)
        compared = evaluation_mask(truth, KIND)
        hinted = compared & np.isfinite(sample.depth_hint)
        errors.append(np.mean(np.abs(sample.depth_hint - truth)[hinted] / truth[hinted]))
        shares.append(hinted.sum() / compared.sum())
    print(headline('opencv-python-headless'))
    print(
        f'{len(data)} frames of {split.stem}: AbsRel of stereo matching {np.mean(errors):.3f}, '
        f'on {100 * np.mean(shares):.0f} % of the pixels'
    )


if __name__ == '__main__':
    main()
