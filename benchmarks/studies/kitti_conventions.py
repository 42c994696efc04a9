"""Print how the kinds of true depth differ: python kitti_conventions.py [kitti folder].

The folder holds train/ and test/ as KITTI raw unpacks, with drives 9015 (KITTI stereo 2015's
frames) and 0052; by default it is ../shared/data/kitti beside the checkout.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.headline import headline

from mono_depth_ros.datasets.splits import SplitEntry
from mono_depth_ros.evaluation.protocol.kitti_ground_truth import read_depth

DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'kitti'
PUBLISHED, STEREO = (
    '2011_09_26/2011_09_26_drive_0052_sync',
    '2011_09_26/2011_09_26_drive_9015_sync',
)


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    print(headline('numpy'))
    entries = entries_of(data / 'test', PUBLISHED)
    pairs = [pair(data / 'test', entry, 'lidar_z', 'projected') for entry in entries]
    difference = 256 * np.concatenate([np.abs(ours - png) for ours, png in pairs])
    print(
        f'0052, {len(entries)} frames, {difference.size} pixels in both: our lidar_z and the '
        f'projected PNGs differ by {difference.max():.2f} of 1/256 m at most'
    )
    pairs = [pair(data / 'test', entry, 'lidar', 'lidar_z') for entry in entries]
    more = np.concatenate([forward - along for forward, along in pairs])
    share = np.concatenate([forward / along - 1 for forward, along in pairs])
    low, high = np.percentile(more, (5, 95))
    print(
        f'0052: forward from the scanner (lidar) is {np.median(more):.3f} m more than along the '
        f'optical axis (lidar_z) in the median, 5 % to 95 %: {low:.3f} to {high:.3f} m; '
        f'{np.median(share):.1%} of the depth'
    )
    entries = entries_of(data / 'train', STEREO)
    apart = [
        np.abs(ours - dense) / dense
        for ours, dense in (pair(data / 'train', entry, 'lidar_z', 'dense') for entry in entries)
    ]
    print(
        f"9015, {len(entries)} frames: our lidar_z and KITTI 2015's depth differ by "
        f'{np.median(np.concatenate(apart)):.2%} in the median, '
        f'{max(np.median(frame) for frame in apart):.2%} in that of the worst frame'
    )


def entries_of(root: Path, drive: str) -> list[SplitEntry]:
    scans = sorted((root / drive / 'velodyne_points' / 'data').glob('*.bin'))
    return [SplitEntry(drive, int(path.stem), 'l') for path in scans]


def pair(root: Path, entry: SplitEntry, *kinds: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the depths of both kinds where both are known."""
    first, second = (read_depth(root, entry, kind) for kind in kinds)
    both = (first > 0) & (second > 0)
    return first[both], second[both]


if __name__ == '__main__':
    main()
