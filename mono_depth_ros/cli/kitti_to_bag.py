"""The executable `kitti_to_bag`: a drive of KITTI raw becomes a ROS 2 bag."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.bags.storages import STORAGES
from mono_depth_ros.datasets.kitti.options import IMAGE_FORMS, KittiBagOptions


def main(args: Sequence[str] | None = None) -> int:
    """Write one drive; return the exit code."""
    chosen = _parser().parse_args(args)
    from tqdm import tqdm

    from mono_depth_ros.datasets.kitti.to_bag import write_drive

    drive, output = Path(chosen.drive).expanduser(), Path(chosen.output).expanduser()
    try:
        options = KittiBagOptions(chosen.cameras, chosen.images, chosen.rate, chosen.storage)
        with tqdm(desc='Writing', unit=' frames', disable=None) as bar:

            def advance(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            report = write_drive(drive, output, options, advance)
    except (OSError, ValueError) as error:
        print(f'kitti_to_bag: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('kitti_to_bag: interrupted, nothing is left behind', file=sys.stderr)
        return 130
    for topic, count in sorted(report.messages.items()):
        print(f'{count:7}  {topic}')
    for note in report.notes:
        print(f'note: {note}')
    print(
        f"{output}: play it with 'ros2 bag play' or replay_bag, open it in Foxglove, or train "
        f"with train_depth --data rosbag --root '{output}'"
    )
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='kitti_to_bag',
        description='Write one drive of KITTI raw as a bag: rectified images, camera_info, '
        'velodyne_points, tf, tf_static, and imu, gps and odom where the drive has oxts '
        '(docs/bags_and_files.md).',
    )
    add = parser.add_argument
    add('drive', help='…/2011_09_26/2011_09_26_drive_0052_sync, calib_*.txt in the folder above')
    add('output', help='folder of the new bag')
    add(
        '--cameras',
        type=int,
        nargs='+',
        default=(),
        choices=(0, 1, 2, 3),
        metavar='N',
        help='gray left 0 and right 1, colour left 2 and right 3 (default: all there are)',
    )
    add(
        '--images',
        choices=IMAGE_FORMS,
        default=KittiBagOptions.images,
        help='raw, or compressed images; a file of that form keeps its bytes (default: raw)',
    )
    add(
        '--rate',
        type=float,
        metavar='HZ',
        help='frames a second, for a drive without timestamps.txt: its stamps are made up',
    )
    add('--storage', choices=tuple(STORAGES), default=KittiBagOptions.storage)
    return parser


if __name__ == '__main__':
    sys.exit(main())
