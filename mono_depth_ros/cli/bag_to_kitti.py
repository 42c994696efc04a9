"""The executable `bag_to_kitti`: a bag becomes a drive in the layout of KITTI raw."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.datasets.kitti.options import FILE_FORMS, KittiLayoutOptions


def main(args: Sequence[str] | None = None) -> int:
    """Write one bag; return the exit code."""
    chosen = _parser().parse_args(args)
    from rosbags.highlevel import AnyReaderError
    from tqdm import tqdm

    from mono_depth_ros.datasets.kitti.from_bag import write_kitti

    bag, root = Path(chosen.bag).expanduser(), Path(chosen.output).expanduser()
    try:
        options = KittiLayoutOptions(
            cameras=_by_number(chosen.camera),
            infos=_by_number(chosen.camera_info),
            lidar=chosen.lidar,
            drive=chosen.drive,
            input=chosen.input,
            images=chosen.images,
            tolerance=chosen.tolerance,
            stamps=chosen.stamps,
        )
        with tqdm(desc='Writing', unit=' messages', disable=None) as bar:

            def advance(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            report = write_kitti(bag, root, options, advance)
    except (OSError, ValueError, AnyReaderError) as error:
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


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='bag_to_kitti',
        description='Write the cameras and the lidar of a bag (ROS 1 or ROS 2) in the layout of '
        'KITTI raw: images rectified, timestamps.txt, velodyne_points, calib_*.txt '
        '(docs/bags_and_files.md).',
    )
    add = parser.add_argument
    add('bag', help='ROS 1 .bag, ROS 2 folder, .mcap or .db3')
    add('output', help='gets <date>/<date>_drive_<number>_sync')
    add(
        '--camera',
        nargs='+',
        default=(),
        metavar='N=TOPIC',
        help='image topics by KITTI camera: 2 colour left, 3 colour right, 0 and 1 gray '
        '(default: the topics of kitti_to_bag, or the only one as 2)',
    )
    add(
        '--camera-info',
        nargs='+',
        default=(),
        metavar='N=TOPIC',
        help='default: camera_info beside the images',
    )
    add('--lidar', metavar='TOPIC', help="PointCloud2, or 'none' (default: the only one)")
    add('--drive', type=int, default=KittiLayoutOptions.drive, metavar='N')
    add(
        '--input',
        choices=('raw', 'rectified'),
        default=KittiLayoutOptions.input,
        help='what the images are; raw ones with distortion are rectified (default: raw)',
    )
    add(
        '--images',
        choices=FILE_FORMS,
        default=KittiLayoutOptions.images,
        help='keep: raw images as png, compressed ones as they are; or all of one form',
    )
    add(
        '--tolerance',
        type=float,
        metavar='S',
        help='between stamps of one frame (default: half the time between images)',
    )
    add('--stamps', choices=('header', 'log'), default=KittiLayoutOptions.stamps)
    return parser


if __name__ == '__main__':
    sys.exit(main())
