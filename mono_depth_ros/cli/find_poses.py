"""The executable `find_poses`: how a camera moved, in metres, from its images and its height."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared

_CAMERA = ('image_topic', 'camera_info_topic', 'intrinsics', 'input', 'stamps')


def main(argv: Sequence[str] | None = None) -> int:
    """Write the poses of each drive or bag; return the exit code."""
    args = create_parser().parse_args(argv)
    try:
        _run(args)
    except (OSError, ValueError) as error:
        print(f'find_poses: error: {error}', file=sys.stderr)
        return 1
    return 0


def _run(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from mono_depth_ros.datasets.bag.options import BagOptions
    from mono_depth_ros.datasets.pose_finding import pose_sources
    from mono_depth_ros.datasets.split_making import select_recordings

    root = Path(args.root).expanduser()
    camera = {name: getattr(args, name) for name in _CAMERA}
    sources = pose_sources(root, BagOptions(**camera))
    names = [source.name for source in sources]
    chosen = select_recordings(root, names, args.only)
    wanted = [source for source in sources if source.name in chosen]
    known = [source.file for source in wanted if source.file.exists()]
    if known and not args.overwrite:
        raise ValueError(
            f'There is {", ".join(map(str, known))} already, which may be better. Leave that '
            'recording out (--only), or give --overwrite.'
        )
    for source in tqdm(wanted, desc='Finding motion', unit=' recordings', disable=None):
        tqdm.write(str(source.find(args.camera_height)))
        tqdm.write(f'{source.file} is written')
    split = '' if names == [root.name] else ' --split …'
    defaults = BagOptions()
    told = ''.join(
        f' --reading.options.{name} {value}'
        for name, value in camera.items()
        if value != getattr(defaults, name)
    )
    print(
        f'train with: train_depth --data {wanted[0].data} --supervision M --pose_network none '
        f"--reading.options.known_poses true{told} --root '{root}'{split}"
    )


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='find_poses',
        description='Find how the camera moved in bags, or in drives laid out as KITTI raw, by '
        'tracking corners from each image to the next, and write it where training reads it: '
        '<bag>.poses.txt beside a bag, poses.txt in a drive. How long a step is follows '
        'from the height of the camera above the road that it sees ahead: a network trained with '
        'these poses predicts metres.',
    )
    add_shared(
        parser,
        'root',
        help='a bag, a folder of bags, or of the recording days (2011_09_26, …)',
    )
    parser.add_argument(
        '--camera-height',
        type=_metres,
        required=True,
        metavar='M',
        help="height of the camera's middle above the road (KITTI: 1.65) [m]",
    )
    add_shared(parser, '--only')
    add_shared(parser, '--overwrite', help='replace a file of poses that is there')
    bags = parser.add_argument_group('bags', 'as train_depth gets them by --reading.options')
    add_shared(bags, '--image-topic', '--camera-info-topic', '--intrinsics', '--input', '--stamps')
    return parser


def _metres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f"'{text}' is no height; expected metres, above 0")
    return value


if __name__ == '__main__':
    sys.exit(main())
