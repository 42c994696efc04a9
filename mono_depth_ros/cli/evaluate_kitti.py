"""The executable `evaluate_kitti`: how good a model card is on frames of KITTI raw."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from mono_depth_ros.datasets.splits import read_split
from mono_depth_ros.evaluation.kitti import KittiResult
from mono_depth_ros.evaluation.kitti_ground_truth import GROUND_TRUTHS
from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.evaluation.predictors import evaluate_card
from mono_depth_ros.inference.model_card import ModelCard, load_card


def main(args: Sequence[str] | None = None) -> int:
    """Evaluate one card; return the exit code."""
    chosen = _parser().parse_args(args)
    try:
        card = load_card(chosen.model)
        _check(card, chosen)
        result = _evaluate(card, chosen)
    except (OSError, ValueError) as error:
        print(f'evaluate_kitti: error: {error}', file=sys.stderr)
        return 1
    rows = _rows(card, result, chosen.median_scaling)
    print(_text(card, result, rows, chosen))
    if chosen.output is not None:
        report = _report(card, result, rows, chosen)
        chosen.output.write_text(yaml.safe_dump(report, sort_keys=False), encoding='utf-8')
        print(f'{chosen.output}: the same, and every image')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='evaluate_kitti',
        description='Compare the depth of a model card with that of KITTI raw by the protocol of '
        'the field (docs/evaluation.md says what the figures mean).',
    )
    add = parser.add_argument
    add('--model', required=True, metavar='CARD', help='name or path of a model card')
    add('--root', required=True, help='holds the folders of the recording days (2011_09_26, …)')
    add('--split', required=True, metavar='FILE', help="lines 'folder index side'")
    add(
        '--ground-truth',
        choices=tuple(GROUND_TRUTHS),
        default='lidar',
        help='lidar: velodyne_points, as in the tables of papers; projected: '
        'proj_depth/velodyne_raw; dense: proj_depth/groundtruth, the improved ground truth '
        '(default: lidar)',
    )
    add(
        '--no-median-scaling',
        dest='median_scaling',
        action='store_false',
        help="compare the card's own metres only",
    )
    add('--flip', action='store_true', help='average with the prediction of the mirrored image')
    add('--device', default='cpu', help='cpu, cuda or cuda:N (default: cpu)')
    add('--batch-size', type=int, default=4, metavar='N', help='images per run (default: 4)')
    add('--output', type=Path, metavar='FILE', help='write a YAML file, with every image')
    return parser


def _knows_metres(card: ModelCard) -> bool:
    return card.depth_unit == 'metric' or card.depth_scale is not None


def _check(card: ModelCard, chosen: argparse.Namespace) -> None:
    """Refuse before the long run what would fail after it."""
    if not chosen.median_scaling and not _knows_metres(card):
        raise ValueError(
            f'{card.source}: relative depth without depth_scale has no metres to compare. Leave '
            'out --no-median-scaling, or write a measured depth_scale into the card.'
        )
    if chosen.output is not None and not chosen.output.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"Folder '{chosen.output.parent}' of --output does not exist. Create it first."
        )


def _evaluate(card: ModelCard, chosen: argparse.Namespace) -> KittiResult:
    count = len(read_split(chosen.split))
    with tqdm(total=count, unit='image', disable=None) as bar:
        return evaluate_card(
            card,
            chosen.root,
            chosen.split,
            chosen.ground_truth,
            device=chosen.device,
            flip=chosen.flip,
            batch_size=chosen.batch_size,
            on_image=lambda _: bar.update(),
        )


def _rows(card: ModelCard, result: KittiResult, median_scaling: bool) -> dict[str, DepthMetrics]:
    """Return the rows of the table: only what means something for the card."""
    rows = {'median_scaled': result.median_scaled} if median_scaling else {}
    if _knows_metres(card):
        rows['unscaled'] = result.unscaled
    return rows


def _text(
    card: ModelCard,
    result: KittiResult,
    rows: dict[str, DepthMetrics],
    chosen: argparse.Namespace,
) -> str:
    state = card.training_data if card.is_trained else 'UNTRAINED: the figures mean nothing'
    return '\n'.join([
        f'{card.source}: {card.network}, {card.input_size[0]}x{card.input_size[1]}, {state}',
        f'{chosen.split}: {len(result.images)} images, ground truth {result.ground_truth}'
        f'{", flip post-processing" if chosen.flip else ""}',
        ' ' * 14 + ''.join(f'{name:>9}' for name in DepthMetrics._fields),
        *(
            f'{name:<14}' + ''.join(f'{value:9.3f}' for value in metrics)
            for name, metrics in rows.items()
        ),
        f'true / predicted median depth: {result.scale:.4g}, '
        f'relative spread over images {result.scale_spread:.3f}',
    ])


def _report(
    card: ModelCard,
    result: KittiResult,
    rows: dict[str, DepthMetrics],
    chosen: argparse.Namespace,
) -> dict[str, Any]:
    return {
        'model': card.source,
        'split': str(chosen.split),
        'ground_truth': result.ground_truth,
        'flip': chosen.flip,
        'images': len(result.images),
        'scale': result.scale,
        'scale_spread': result.scale_spread,
        **{name: metrics._asdict() for name, metrics in rows.items()},
        'per_image': [
            {'name': image.name, 'pixels': image.pixels, 'scale': image.scale}
            | {name: getattr(image, name)._asdict() for name in rows}
            for image in result.images
        ],
    }


if __name__ == '__main__':
    sys.exit(main())
