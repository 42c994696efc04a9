"""The executable `prepare_split`: which frames to train on, from KITTI drives or from bags."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.known_splits import KNOWN_SPLITS, check_known_split
from mono_depth_ros.datasets.motion_limit import MIN_MOTION
from mono_depth_ros.datasets.splits import SplitEntry, read_split, write_split

if TYPE_CHECKING:
    from mono_depth_ros.datasets.split_making import Chosen

Arguments = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Write the split files, or check a known one; return the exit code."""
    args = create_parser().parse_args(argv)
    try:
        args.run(args)
    except (OSError, ValueError) as error:
        print(f'prepare_split: error: {error}', file=sys.stderr)
        return 1
    return 0


def _run_kitti(args: Arguments) -> None:
    from mono_depth_ros.datasets.split_making import choose_kitti, find_drives

    root, offsets = Path(args.root).expanduser(), tuple(args.offsets)

    def choose(drive: str) -> Chosen:
        return choose_kitti(root, drive, offsets, args.stereo, args.sides, args.min_motion)

    _write(args, find_drives(root), choose)
    print(
        f"train with: train_depth --data kitti_raw --root '{root}' --split "
        f"'{Path(args.output) / 'train.txt'}'"
    )


def _run_bags(args: Arguments) -> None:
    root = Path(args.root).expanduser()
    options = BagOptions(
        image_topic=args.image_topic,
        camera_info_topic=args.camera_info_topic,
        intrinsics=args.intrinsics,
        input=args.input,
        offsets=tuple(args.offsets),
        frame_interval=args.frame_interval,
        tolerance=args.tolerance,
        min_motion=args.min_motion,
        stereo_topic=args.stereo_topic,
        stereo_info_topic=args.stereo_info_topic,
        stamps=args.stamps,
    )
    from mono_depth_ros.datasets.split_making import choose_bag, find_bags

    _write(args, find_bags(root), lambda name: choose_bag(root, name, options))
    print(
        f"train with: train_depth --data rosbag --root '{root}' --split "
        f"'{Path(args.output) / 'train.txt'}', and the same topics and intervals"
    )


def _run_check(args: Arguments) -> None:
    entries = check_known_split(args.file, args.name)
    print(
        f'{args.file} is {args.name}: {len(entries)} lines, '
        f'{len({entry.folder for entry in entries})} drives'
    )


def _write(args: Arguments, names: Sequence[str], choose: Callable[[str], Chosen]) -> None:
    """Choose the targets of each drive or bag, report, and write the two files."""
    from tqdm import tqdm

    from mono_depth_ros.datasets.split_making import part, select_recordings

    wanted = select_recordings(
        Path(args.root).expanduser(), names, args.only, _folders(args.leave_out)
    )
    found = []
    for name in tqdm(wanted, desc='Looking through', unit=' recordings', disable=None):
        found.append(choose(name))
        tqdm.write(str(found[-1]))
    training, validation = part(found, args.val, args.seed)
    output = Path(args.output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    for file, entries in (('train.txt', training), ('val.txt', validation)):
        _write_part(output / file, entries)


def _folders(path: str | None) -> set[str]:
    return {entry.folder for entry in read_split(path)} if path else set()


def _write_part(path: Path, entries: Sequence[SplitEntry]) -> None:
    if entries:
        write_split(path, entries)
        print(
            f'{path}: {len(entries)} lines of {len({entry.folder for entry in entries})} '
            'recordings'
        )


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='prepare_split',
        description="Write train.txt and val.txt: lines 'folder index side' of frames that have "
        'all their neighbours and show a moving camera. The same input gives the same files.',
    )
    commands = parser.add_subparsers(required=True, metavar='kitti | bags | check')
    _add_kitti(commands.add_parser('kitti', help='from the drives under a KITTI raw root'))
    _add_bags(commands.add_parser('bags', help='from the bags in a folder, by stamp [ns]'))
    check = commands.add_parser('check', help="check a copy of one of the field's lists")
    check.add_argument('name', choices=tuple(KNOWN_SPLITS), help='name of the list')
    check.add_argument('file', help='copy of the list')
    check.set_defaults(run=_run_check)
    return parser


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--output', default='.', metavar='FOLDER', help='folder that gets train.txt and val.txt'
    )
    add_shared(parser, '--only')
    parser.add_argument(
        '--leave-out', metavar='FILE', help='a test split whose recordings are not to be used'
    )
    parser.add_argument(
        '--val',
        type=float,
        default=0.1,
        metavar='SHARE',
        help='share of validation: whole recordings; the end of it if there is only one',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='N',
        help='number that the choice of recordings for validation follows from',
    )
    parser.add_argument(
        '--offsets',
        type=int,
        nargs='*',
        default=[-1, 1],
        metavar='N',
        help='numbers of the neighbours that a frame must have: -1 is the frame before it',
    )
    parser.add_argument(
        '--min-motion',
        type=float,
        default=MIN_MOTION,
        metavar='PX',
        help='least median optical flow to each neighbour in an image of 160 pixels width [px]; '
        '0 keeps a standing camera',
    )


def _add_kitti(parser: ArgumentParser) -> None:
    add_shared(parser, 'root')
    _add_common(parser)
    parser.add_argument(
        '--sides', choices=('l', 'r', 'lr'), default='l', help='cameras of the targets'
    )
    parser.add_argument(
        '--stereo', action='store_true', help="frames need the other camera's image too"
    )
    parser.set_defaults(run=_run_kitti)


def _add_bags(parser: ArgumentParser) -> None:
    parser.add_argument('root', help='a folder that holds bags')
    _add_common(parser)
    add_shared(parser, '--image-topic', '--camera-info-topic', '--intrinsics', '--input')
    parser.add_argument(
        '--frame-interval',
        type=float,
        metavar='S',
        help="time from a frame to its neighbours [s] (default: the camera's own)",
    )
    add_shared(
        parser,
        '--tolerance',
        help='largest difference of a stamp from where a neighbour should be [s] (default: a '
        'quarter of the interval)',
    )
    parser.add_argument(
        '--stereo-topic',
        metavar='TOPIC',
        help="frames need this camera's image of the same moment too",
    )
    parser.add_argument(
        '--stereo-info-topic',
        metavar='TOPIC',
        help='its CameraInfo (default: camera_info beside those images)',
    )
    add_shared(parser, '--stamps')
    parser.set_defaults(run=_run_bags)


if __name__ == '__main__':
    sys.exit(main())
