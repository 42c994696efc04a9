"""What the executables that predict offline have in common: the model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mono_depth_ros.inference.cards.model_card import ModelCard, load_card
from mono_depth_ros.types import DepthKind

if TYPE_CHECKING:
    from mono_depth_ros.inference.estimator import DepthEstimator


def open_estimator(args: argparse.Namespace) -> DepthEstimator:
    """Load the args model card onto the args device.

    Raises:
        FileNotFoundError, ValueError: the card, its weights or a choice is wrong.
    """
    if not 0 <= args.min_depth < args.max_depth:
        raise ValueError(
            f'--min-depth {args.min_depth} and --max-depth {args.max_depth}: '
            'expected 0 <= min < max.'
        )
    from mono_depth_ros.inference.estimator import DepthEstimator

    return DepthEstimator(
        load_card(args.model),
        device=args.device,
        precision=args.precision,
        backend=args.backend,
        threads=args.threads,
        resize_mode=args.resize_mode,
    )


def describe(card: ModelCard, kind: DepthKind) -> str:
    """Say what the depth of a card is worth: its unit, and whether the card is trained."""
    unit = {
        DepthKind.METRIC: 'metres',
        DepthKind.SCALED: 'metres (scaled)',
        DepthKind.METRES: 'metres',
        DepthKind.RELATIVE: 'relative depth, no metres',
    }[kind]
    return f'{card.name}: {unit}' + ('' if card.is_trained else ', UNTRAINED')
