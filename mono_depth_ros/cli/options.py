"""Options that several executables have: one definition each, so that they mean the same."""

from __future__ import annotations

import argparse
from typing import Any

from mono_depth_ros.inference.cards.model_card import DEFAULT_CARD
from mono_depth_ros.inference.engine_options import BACKENDS, PRECISION_NAMES, RESIZE_MODES
from mono_depth_ros.outputs.depth_outputs import MAX_DEPTH, MIN_DEPTH


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'{value} is below 1')
    return value


OPTIONS: dict[str, dict[str, Any]] = {
    'bag': {'help': 'a ROS 1 .bag file, a ROS 2 bag folder, or a .mcap or .db3 file'},
    'root': {'help': 'KITTI raw: holds the folders of the recording days (2011_09_26, …)'},
    # The network.
    '--model': {
        'default': DEFAULT_CARD,
        'metavar': 'CARD',
        'help': 'name or path of a model card',
    },
    '--device': {'default': 'cpu', 'help': 'where the network runs: cpu, cuda or cuda:N'},
    '--precision': {
        'choices': PRECISION_NAMES,
        'default': 'float32',
        'help': 'number format of the network; float16 needs CUDA',
    },
    '--backend': {
        'choices': ('auto', *BACKENDS),
        'default': 'auto',
        'help': 'what runs the network; auto: the fastest that proves its numbers',
    },
    '--threads': {
        'type': int,
        'metavar': 'N',
        'help': "number of CPU threads (default: PyTorch's choice)",
    },
    '--resize-mode': {
        'choices': RESIZE_MODES,
        'default': 'keep_aspect',
        'help': "keep_aspect: the legal size nearest the camera's aspect; stretch: the card's "
        'size',
    },
    '--batch-size': {
        'type': positive,
        'metavar': 'N',
        'help': 'number of images per run of the network',
    },
    '--depth-scale': {
        'type': float,
        'metavar': 'M',
        'help': "length of a unit of the network's depth, measured for this camera [m] "
        "(default: the card's)",
    },
    '--min-depth': {
        'type': float,
        'default': MIN_DEPTH,
        'metavar': 'M',
        'help': 'nearer is no estimate: NaN [m]',
    },
    '--max-depth': {
        'type': float,
        'default': MAX_DEPTH,
        'metavar': 'M',
        'help': 'farther is beyond range: +inf [m]',
    },
    # The camera, and the bag that has its images.
    '--image-topic': {
        'metavar': 'TOPIC',
        'help': 'Image or CompressedImage (default: the only one of the bag)',
    },
    '--camera-info-topic': {
        'metavar': 'TOPIC',
        'help': 'CameraInfo of the images (default: camera_info beside them)',
    },
    '--intrinsics': {
        'metavar': 'FILE',
        'help': 'YAML file of camera_calibration, in place of camera_info',
    },
    '--input': {
        'choices': ('raw', 'rectified'),
        'default': 'raw',
        'help': 'what the images are; raw ones with distortion are rectified',
    },
    '--stamps': {
        'choices': ('header', 'log'),
        'default': 'header',
        'help': 'log: the times of recording, where headers have none',
    },
    '--tolerance': {
        'type': float,
        'metavar': 'S',
        'help': 'largest difference between stamps that belong together [s]',
    },
    '--start': {
        'type': float,
        'default': 0.0,
        'metavar': 'S',
        'help': 'time to skip at the beginning of the bag [s]',
    },
    '--duration': {
        'type': float,
        'metavar': 'S',
        'help': 'time of the bag to take [s] (default: all of it)',
    },
    # Where results go, and of what.
    '--only': {
        'nargs': '+',
        'default': ['*'],
        'metavar': 'PATTERN',
        'help': 'take recordings with these names only',
    },
    '--overwrite': {'action': 'store_true', 'help': 'replace results that are there already'},
}
ENGINE = ('--device', '--precision', '--backend', '--threads', '--resize-mode')


def add_shared(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, *names: str, **own: Any
) -> None:
    """Add shared options.

    Args:
        parser: of an executable, or a group of it.
        names: keys of OPTIONS.
        own: what this executable says differently of them, e.g. another default.
    """
    for name in names:
        parser.add_argument(name, **(OPTIONS[name] | own))


def add_estimator_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides how images become depth: card, engine, camera and range."""
    add_shared(parser, '--model', *ENGINE)
    add_shared(parser, '--batch-size', default=4)
    add_shared(parser, '--intrinsics', '--input', '--depth-scale', '--min-depth', '--max-depth')
