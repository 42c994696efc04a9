"""The executable `prepare_split`: which frames to train on, from KITTI drives or from bags."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.datasets.bag.options import BagOptions
from mono_depth_ros.datasets.known_splits import KNOWN_SPLITS, check_known_split
from mono_depth_ros.datasets.motion_limit import MIN_MOTION
from mono_depth_ros.datasets.splits import SplitEntry, read_split, write_split

if TYPE_CHECKING:
    from mono_depth_ros.datasets.split_making import Chosen

Arguments = argparse.Namespace


def main(args: Sequence[str] | None = None) -> int:
    """Write the split files, or check a known one; return the exit code."""
    chosen = _parser().parse_args(args)
    try:
        chosen.run(chosen)
    except (OSError, ValueError) as error:
        print(f'prepare_split: error: {error}', file=sys.stderr)
        return 1
    return 0


def _run_kitti(chosen: Arguments) -> None:
    from mono_depth_ros.datasets.split_making import choose_kitti, find_drives

    root, offsets = Path(chosen.root).expanduser(), tuple(chosen.offsets)

    def choose(drive: str) -> Chosen:
        return choose_kitti(root, drive, offsets, chosen.stereo, chosen.sides, chosen.min_motion)

    _write(chosen, find_drives(root), choose)
    print(
        f"train with: train_depth --data kitti_raw --root '{root}' --split "
        f"'{Path(chosen.output) / 'train.txt'}'"
    )


def _run_bags(chosen: Arguments) -> None:
    root = Path(chosen.root).expanduser()
    options = BagOptions(
        image_topic=chosen.image_topic,
        camera_info_topic=chosen.camera_info_topic,
        intrinsics=chosen.intrinsics,
        input=chosen.input,
        offsets=tuple(chosen.offsets),
        frame_interval=chosen.frame_interval,
        tolerance=chosen.tolerance,
        min_motion=chosen.min_motion,
        stereo_topic=chosen.stereo_topic,
        stereo_info_topic=chosen.stereo_info_topic,
        stamps=chosen.stamps,
    )
    from mono_depth_ros.datasets.split_making import choose_bag, find_bags

    _write(chosen, find_bags(root), lambda name: choose_bag(root, name, options))
    print(
        f"train with: train_depth --data rosbag --root '{root}' --split "
        f"'{Path(chosen.output) / 'train.txt'}', and the same topics and intervals"
    )


def _run_check(chosen: Arguments) -> None:
    entries = check_known_split(chosen.file, chosen.name)
    print(
        f'{chosen.file} is {chosen.name}: {len(entries)} lines, '
        f'{len({entry.folder for entry in entries})} drives'
    )


def _write(chosen: Arguments, names: Sequence[str], choose: Callable[[str], Chosen]) -> None:
    """Choose the targets of each drive or bag, report, and write the two files."""
    from tqdm import tqdm

    from mono_depth_ros.datasets.split_making import part

    left_out = _folders(chosen.leave_out)
    wanted = [
        name
        for name in names
        if name not in left_out and any(fnmatch(name, pattern) for pattern in chosen.only)
    ]
    if not wanted:
        raise ValueError(
            f"None of {len(names)} recordings in '{chosen.root}' is left by --only "
            f'{" ".join(chosen.only)} and --leave-out. They are: '
            f'{", ".join(names[:5])}{", …" if len(names) > 5 else ""}.'
        )
    found = []
    for name in tqdm(wanted, desc='Looking through', unit=' recordings', disable=None):
        found.append(choose(name))
        tqdm.write(str(found[-1]))
    training, validation = part(found, chosen.val, chosen.seed)
    output = Path(chosen.output).expanduser()
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


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='prepare_split',
        description="Write train.txt and val.txt: lines 'folder index side' of frames that have "
        'all their neighbours and show a moving camera. The same input gives the same files.',
    )
    commands = parser.add_subparsers(required=True, metavar='kitti | bags | check')
    _add_kitti(commands.add_parser('kitti', help='from the drives under a KITTI raw root'))
    _add_bags(commands.add_parser('bags', help='from the bags in a folder, by stamp [ns]'))
    check = commands.add_parser('check', help="check a copy of one of the field's lists")
    check.add_argument('name', choices=tuple(KNOWN_SPLITS))
    check.add_argument('file')
    check.set_defaults(run=_run_check)
    return parser


def _add_common(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('--output', default='.', metavar='FOLDER', help='gets train.txt and val.txt')
    add('--only', nargs='+', default=['*'], metavar='PATTERN', help='take these recordings only')
    add('--leave-out', metavar='FILE', help='a test split whose recordings are not to be used')
    add(
        '--val',
        type=float,
        default=0.1,
        metavar='SHARE',
        help='of validation: whole recordings; the end of it if there is only one (default: 0.1)',
    )
    add('--seed', type=int, default=0, help='another choice of recordings for validation')
    add(
        '--offsets',
        type=int,
        nargs='*',
        default=[-1, 1],
        metavar='N',
        help='neighbours that a frame must have (default: -1 1)',
    )
    add(
        '--min-motion',
        type=float,
        default=MIN_MOTION,
        metavar='PIXELS',
        help='least median optical flow to each neighbour in an image of 160 pixels width; '
        f'0 keeps a standing camera (default: {MIN_MOTION})',
    )


def _add_kitti(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('root', help='holds the folders of the recording days (2011_09_26, …)')
    _add_common(parser)
    add('--sides', choices=('l', 'r', 'lr'), default='l', help='cameras of the targets')
    add('--stereo', action='store_true', help="frames need the other camera's image too")
    parser.set_defaults(run=_run_kitti)


def _add_bags(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('root', help='a folder that holds bags')
    _add_common(parser)
    add('--image-topic', help='may be left out where the bags have only one')
    add('--camera-info-topic', help='default: camera_info beside the images')
    add('--intrinsics', metavar='FILE', help='YAML of camera_calibration, without camera_info')
    add('--input', choices=('raw', 'rectified'), default='raw')
    add('--frame-interval', type=float, metavar='S', help="default: the camera's own")
    add('--tolerance', type=float, metavar='S', help='default: a quarter of the interval')
    add('--stereo-topic', help="frames need this camera's image of the same moment too")
    add('--stereo-info-topic', help='default: camera_info beside those images')
    add('--stamps', choices=('header', 'log'), default='header')
    parser.set_defaults(run=_run_bags)


if __name__ == '__main__':
    sys.exit(main())
