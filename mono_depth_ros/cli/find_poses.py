"""The executable `find_poses`: how a camera moved, in metres, from its images and its height."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared


def main(argv: Sequence[str] | None = None) -> int:
    """Write a poses.txt into each drive; return the exit code."""
    args = create_parser().parse_args(argv)
    try:
        _run(args)
    except (OSError, ValueError) as error:
        print(f'find_poses: error: {error}', file=sys.stderr)
        return 1
    return 0


def _run(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from mono_depth_ros.datasets.kitti.poses import POSES, find_drive_poses
    from mono_depth_ros.datasets.split_making import find_drives, select_recordings

    root = Path(args.root).expanduser()
    wanted = select_recordings(root, find_drives(root), args.only)
    known = [drive for drive in wanted if (root / drive / POSES).exists()]
    if known and not args.overwrite:
        raise ValueError(
            f"{', '.join(known)} in '{root}' has a {POSES} already, which may be "
            'better. Leave it out (--only), or give --overwrite.'
        )
    for drive in tqdm(wanted, desc='Finding motion', unit=' drives', disable=None):
        found = find_drive_poses(root, drive, args.camera_height)
        found.write(root / drive / POSES)
        tqdm.write(str(found))
    print(
        'train with: train_depth --data kitti_raw --supervision M --pose_network none '
        f"--reading.options.known_poses true --root '{root}' --split …"
    )


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='find_poses',
        description='Find how the camera moved in drives laid out as KITTI raw (bag_to_kitti '
        'makes them of bags), by tracking corners from each image to the next, and write it as '
        'poses.txt. How long a step is follows from the height of the camera above the road that '
        'it sees ahead: a network trained with these poses predicts metres.',
    )
    add_shared(parser, 'root')
    parser.add_argument(
        '--camera-height',
        type=_metres,
        required=True,
        metavar='M',
        help="height of the camera's middle above the road (KITTI: 1.65) [m]",
    )
    add_shared(parser, '--only')
    add_shared(parser, '--overwrite', help='replace a poses.txt that is there already')
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
