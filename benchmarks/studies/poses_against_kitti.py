"""Print how well find_poses does where KITTI measured: python poses_against_kitti.py.

Per drive with a poses.txt in ../shared/data: the length of steps over their true length, and the
angles between directions of motion and between rotations, from each image to the next.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.headline import headline

from mono_depth_ros.datasets.kitti.poses import POSES, find_drive_poses, read_poses

ROOT = Path(__file__).parents[3] / 'shared/data/kitti/train'
CAMERA_HEIGHT = 1.65


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    files = sorted(root.glob(f'*/*_drive_*/{POSES}'))
    if not files:
        sys.exit(f"No drive in '{root}' has a {POSES}.")
    print(headline('opencv-python-headless'))
    print(
        'median, 5 % and 95 % of the steps\n'
        'drive                   length / true         direction [deg]       rotation [deg]'
    )
    for file in files:
        found = find_drive_poses(root, str(file.parent.relative_to(root)), CAMERA_HEIGHT).poses
        true = read_poses(file)
        count = min(len(found), len(true))
        measures = compare(steps_of(found[:count]), steps_of(true[:count]))
        cells = [
            '{1:.2f} ({0:.2f} to {2:.2f})'.format(*np.percentile(values, (5, 50, 95)))
            for values in measures
        ]
        print(f'{file.parent.name[-15:]:24s}' + ''.join(f'{cell:22s}' for cell in cells))


def steps_of(poses: np.ndarray) -> np.ndarray:
    """Return the motions (N - 1, 4, 4) between poses (N, 3, 4)."""
    whole = np.tile(np.eye(4), (len(poses), 1, 1))
    whole[:, :3] = poses
    return np.linalg.inv(whole[1:]) @ whole[:-1]


def compare(found: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    moved, truly = found[:, :3, 3], true[:, :3, 3]
    length, true_length = (np.linalg.norm(motion, axis=1) for motion in (moved, truly))
    direction = (moved * truly).sum(1) / (length * true_length)
    turned = (np.einsum('nij,nij->n', found[:, :3, :3], true[:, :3, :3]) - 1) / 2
    angles = (np.degrees(np.arccos(np.clip(cosine, -1, 1))) for cosine in (direction, turned))
    return length / true_length, *angles


if __name__ == '__main__':
    main()
