"""A model card on a test set: what its figures depend on, and what there is to say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mono_depth_ros.evaluation.protocol.evaluate import DepthFactor, EvaluationResult
from mono_depth_ros.evaluation.protocol.evaluation_sets import EvaluationSet
from mono_depth_ros.evaluation.protocol.predictors import card_factor
from mono_depth_ros.evaluation.protocol.published import (
    PublishedResult,
    load_published,
    printed_for,
)
from mono_depth_ros.evaluation.protocol.summary import published_row, range_rows, row_of, table
from mono_depth_ros.inference.cards.model_card import ModelCard

# What papers measure on, by split and ground truth.
_PAPERS = {
    ('eigen', 'lidar'): 'kitti_eigen',
    ('val', 'lidar_z'): 'ddad',
    ('eigen_benchmark', 'dense'): 'kitti_improved',
}


@dataclass(frozen=True)
class CardEvaluation:
    """A model card on a test set.

    Attributes:
        card: what is evaluated.
        data: what it is evaluated on.
        scalings: 'median_scaled', 'unscaled': those that mean something, the first one first.
        papers: what papers print for the same network, by label.
        depth_scale: length of a unit of depth in place of the card's [m], or None.
        flip: whether predictions are averaged with those of mirrored images.
    """

    card: ModelCard
    data: EvaluationSet
    scalings: Sequence[str]
    papers: Mapping[str, PublishedResult]
    depth_scale: float | None = None
    flip: bool = False

    @property
    def name(self) -> str:
        """What it is called in the name of a folder."""
        ground_truth = self.data.frames.rules.ground_truth
        return f'{self.card.name}_{Path(self.data.split).stem}_{ground_truth}'

    @property
    def depth_factor(self) -> DepthFactor:
        """What predicted depth is multiplied with."""
        return partial(card_factor, self.card, depth_scale=self.depth_scale)

    @property
    def subject(self) -> dict[str, Any]:
        """All that the figures depend on, by the names that the report shows."""
        card, data, frames = self.card, self.data, self.data.frames
        subject = {
            'model': card.name,
            'network': card.network,
            'network options': dict(card.network_options) or None,
            'weights': card.sha256 or f'none, seed {card.seed}',
            'network size': _size_of(card),
            'depth of the network': f'{card.min_depth:g} to {card.max_depth:g}, {card.depth_unit}',
            'depth_scale': self.depth_scale or card.depth_scale,
            'depth_scale given': self.depth_scale is not None or None,
            'training_K': card.training_K,
            'split': data.split,
            'data': str(data.root),
            'cameras': ' '.join(data.cameras) or None,
            'frames': len(frames.names),
            'first and last': [frames.names[0], frames.names[-1]],
            'ground truth': frames.rules.ground_truth,
            'limits [m]': list(frames.rules.limits),
            'flip post-processing': self.flip,
        }
        return {name: value for name, value in subject.items() if value is not None}

    def state(self, result: EvaluationResult) -> str:
        """Say in a line what was evaluated."""
        skipped = f' ({len(result.skipped)} skipped)' if result.skipped else ''
        flip = ', flip post-processing' if self.flip else ''
        low, high = result.rules.limits
        return (
            f'{self.data.split}: {len(result.images)} images{skipped}, ground truth '
            f'{result.ground_truth}, {low:g} to {high:g} m{flip}, network size '
            f'{_size_of(self.card)}'
        )

    def advice(self, result: EvaluationResult) -> list[str]:
        """Return what makes the figures mean less than they seem to."""
        advice = []
        if not self.card.is_trained:
            advice.append('the card is UNTRAINED: the figures mean nothing.')
        if result.skipped:
            advice.append(
                f'{len(result.skipped)} of {len(self.data.frames.names)} frames were skipped: '
                "these are not the split's figures. The first: "
                f'{result.skipped[0].reason}'
            )
        if result.ground_truth == 'lidar' and 'unscaled' in self.scalings:
            advice.append(
                'lidar depth is the way forward from the scanner, about 0.27 m more than along '
                "the camera's axis: judge metres by lidar_z, projected or dense."
            )
        return advice

    def text(self, result: EvaluationResult) -> str:
        """Return the figures as tables for the terminal."""
        means = {name.replace('_', '-'): result.mean(name) for name in self.scalings}
        title, mean = next(iter(means.items()))
        rows = {name: row_of(value) for name, value in means.items()}
        rows |= {label: published_row(row) for label, row in self.papers.items()}
        return '\n'.join(
            [
                f'{self.card.name}: {self.state(result)}',
                *(f'Note: {sentence}' for sentence in self.advice(result)),
                '',
                *table(rows),
                '',
                f'{title}, by range of true depth:',
                *table(range_rows(mean)),
                '',
                f'true / predicted median depth: {result.scale:.4g}, relative spread over images '
                f'{result.scale_spread:.3f}',
            ]
        )


def printed_papers(card: ModelCard, data: EvaluationSet) -> dict[str, PublishedResult]:
    """Return what papers print for a card's network on a test set, by label."""
    data_set = _PAPERS.get((data.split, data.frames.rules.ground_truth))
    if data_set is None:
        return {}
    return printed_for(load_published(), card.network, data_set, card.input_size)


def _size_of(card: ModelCard) -> str:
    return f'{card.input_size[0]}x{card.input_size[1]}'
