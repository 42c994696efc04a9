"""The executable `bag_to_kitti`: a bag becomes a drive in the layout of KITTI raw."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared
from mono_depth_ros.cli.progress import progress_bar
from mono_depth_ros.datasets.kitti.options import FILE_FORMS, KittiLayoutOptions


def main(argv: Sequence[str] | None = None) -> int:
    """Write one bag; return the exit code."""
    args = create_parser().parse_args(argv)

    from mono_depth_ros.datasets.kitti.from_bag import write_kitti

    bag, root = Path(args.bag).expanduser(), Path(args.output).expanduser()
    try:
        options = KittiLayoutOptions(
            cameras=_by_number(args.camera),
            infos=_by_number(args.camera_info),
            lidar=args.lidar,
            drive=args.drive,
            input=args.input,
            images=args.images,
            tolerance=args.tolerance,
            stamps=args.stamps,
        )
        with progress_bar('messages') as advance:
            report = write_kitti(bag, root, options, advance)
    except (OSError, ValueError) as error:
        print(f'bag_to_kitti: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('bag_to_kitti: interrupted, the drive is not left behind', file=sys.stderr)
        return 130
    for folder, count in report.files.items():
        print(f'{count:7}  {folder}')
    for reason, count in report.skipped.items():
        print(f'{count:7}  left out: {reason}')
    for note in report.notes:
        print(f'note: {note}')
    print(f"{report.drive}: choose frames with prepare_split kitti '{root}'")
    return 0


def _by_number(pairs: Sequence[str]) -> dict[int, str]:
    found = {}
    for pair in pairs:
        number, equals, topic = pair.partition('=')
        if not (equals and number.isdigit() and topic):
            raise ValueError(
                f"'{pair}' is no camera and topic; expected such as "
                "2=/camera/image_rect, with KITTI's number of the camera."
            )
        found[int(number)] = topic
    return found


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    default = KittiLayoutOptions
    parser = ArgumentParser(
        prog='bag_to_kitti',
        description='Write the cameras and the lidar of a bag (ROS 1 or ROS 2) in the layout of '
        'KITTI raw: images rectified, timestamps.txt, velodyne_points, calib_*.txt '
        '(docs/bags_and_files.md).',
    )
    add_shared(parser, 'bag')
    parser.add_argument('output', help='folder that gets <date>/<date>_drive_<number>_sync')
    parser.add_argument(
        '--camera',
        nargs='+',
        default=(),
        metavar='N=TOPIC',
        help='image topics by KITTI camera: 2 colour left, 3 colour right, 0 and 1 gray '
        '(default: the topics of kitti_to_bag, or the only one as 2)',
    )
    parser.add_argument(
        '--camera-info',
        nargs='+',
        default=(),
        metavar='N=TOPIC',
        help='their CameraInfo topics (default: camera_info beside the images)',
    )
    parser.add_argument(
        '--lidar', metavar='TOPIC', help="PointCloud2, or 'none' (default: the only one)"
    )
    parser.add_argument(
        '--drive', type=int, default=default.drive, metavar='N', help='number of the drive'
    )
    parser.add_argument(
        '--images',
        choices=FILE_FORMS,
        default=default.images,
        help='keep: raw images as png, compressed ones as they are; or all of one form',
    )
    add_shared(parser, '--input', '--stamps')
    add_shared(
        parser,
        '--tolerance',
        help='largest difference between the stamps of one frame [s] (default: half the time '
        'between images)',
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
