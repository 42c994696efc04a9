"""What the executables that predict offline have in common: the model and its camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from mono_depth_ros.inference.cards.model_card import DEFAULT_CARD, ModelCard, load_card
from mono_depth_ros.inference.engine_options import BACKENDS, PRECISION_NAMES, RESIZE_MODES
from mono_depth_ros.outputs.depth_outputs import MAX_DEPTH, MIN_DEPTH

if TYPE_CHECKING:
    from mono_depth_ros.inference.estimator import DepthEstimator


def add_estimator_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `open_estimator` reads, and those of the camera."""
    add = parser.add_argument
    add(
        '--model',
        default=DEFAULT_CARD,
        metavar='CARD',
        help='name or path of a model card (default: %(default)s)',
    )
    add_engine_options(add)
    add('--batch-size', type=_positive, default=4, metavar='N', help='images per run (default: 4)')
    add('--intrinsics', metavar='FILE', help='YAML file of camera_calibration')
    add(
        '--input',
        choices=('raw', 'rectified'),
        default='raw',
        help='what the images are; raw ones with distortion are rectified (default: raw)',
    )
    add(
        '--depth-scale',
        type=float,
        metavar='M',
        help="metres per unit of the network's depth, measured for this camera",
    )
    add(
        '--min-depth',
        type=float,
        default=MIN_DEPTH,
        metavar='M',
        help='nearer is no estimate: NaN (default: %(default)s)',
    )
    add(
        '--max-depth',
        type=float,
        default=MAX_DEPTH,
        metavar='M',
        help='farther is beyond range: +inf (default: %(default)s)',
    )


def add_engine_options(add: Callable[..., object]) -> None:
    """Add what decides how the network runs, by a parser's or a group's add_argument."""
    add('--device', default='cpu', help='cpu, cuda or cuda:N (default: cpu)')
    add('--precision', choices=PRECISION_NAMES, default='float32')
    add(
        '--backend',
        choices=('auto', *BACKENDS),
        default='auto',
        help='what runs the network; auto: the fastest that proves its numbers (default: auto)',
    )
    add('--threads', type=int, metavar='N', help="CPU threads (default: PyTorch's choice)")
    add(
        '--resize-mode',
        choices=RESIZE_MODES,
        default='keep_aspect',
        help="keep_aspect: the legal size nearest the camera's aspect; stretch: the card's size",
    )


def open_estimator(chosen: argparse.Namespace) -> DepthEstimator:
    """Load the chosen model card onto the chosen device.

    Raises:
        FileNotFoundError, ValueError: the card, its weights or a choice is wrong.
    """
    if not 0 <= chosen.min_depth < chosen.max_depth:
        raise ValueError(
            f'--min-depth {chosen.min_depth} and --max-depth {chosen.max_depth}: '
            'expected 0 <= min < max.'
        )
    from mono_depth_ros.inference.estimator import DepthEstimator

    return DepthEstimator(
        load_card(chosen.model),
        device=chosen.device,
        precision=chosen.precision,
        backend=chosen.backend,
        threads=chosen.threads,
        resize_mode=chosen.resize_mode,
    )


def describe(card: ModelCard, kind: str) -> str:
    """Say what the depth of a card is worth: its unit, and whether the card is trained."""
    unit = {
        'metric': 'metres',
        'scaled': 'metres (scaled)',
        'relative': 'relative depth, no metres',
    }[kind]
    return f'{card.name}: {unit}' + ('' if card.is_trained else ', UNTRAINED')


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'{value} is below 1')
    return value
