"""The executable `kitti_to_bag`: a drive of KITTI raw becomes a ROS 2 bag."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.bags.storages import STORAGES
from mono_depth_ros.cli.progress import progress_bar
from mono_depth_ros.datasets.kitti.options import IMAGE_FORMS, KittiBagOptions


def main(argv: Sequence[str] | None = None) -> int:
    """Write one drive; return the exit code."""
    args = create_parser().parse_args(argv)
    from mono_depth_ros.datasets.kitti.to_bag import write_drive

    drive, output = Path(args.drive).expanduser(), Path(args.output).expanduser()
    try:
        options = KittiBagOptions(
            cameras=args.cameras, images=args.images, rate=args.rate, storage=args.storage
        )
        with progress_bar('frames') as advance:
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


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='kitti_to_bag',
        description='Write one drive of KITTI raw as a bag: rectified images, camera_info, '
        'velodyne_points, tf, tf_static, and imu, gps and odom where the drive has oxts '
        '(docs/bags_and_files.md).',
    )
    parser.add_argument(
        'drive', help='…/2011_09_26/2011_09_26_drive_0052_sync, calib_*.txt in the folder above'
    )
    parser.add_argument('output', help='folder of the new bag')
    parser.add_argument(
        '--cameras',
        type=int,
        nargs='+',
        default=(),
        choices=(0, 1, 2, 3),
        metavar='N',
        help='numbers of the cameras: gray left 0 and right 1, colour left 2 and right 3 '
        '(default: all there are)',
    )
    parser.add_argument(
        '--images',
        choices=IMAGE_FORMS,
        default=KittiBagOptions.images,
        help='raw, or compressed images; a file of that form keeps its bytes',
    )
    parser.add_argument(
        '--rate',
        type=float,
        metavar='HZ',
        help='images per second for a drive without timestamps.txt, whose stamps are made up [Hz]',
    )
    parser.add_argument(
        '--storage',
        choices=tuple(STORAGES),
        default=KittiBagOptions.storage,
        help='file format of the bag',
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
