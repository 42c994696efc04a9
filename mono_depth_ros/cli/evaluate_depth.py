"""The executable `evaluate_depth`: how good a model card is on KITTI, on DDAD, on one's own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.datasets.known_splits import DDAD_SPLITS
from mono_depth_ros.evaluation.protocol.options import GROUND_TRUTHS, KITTI_SPLITS, MAX_WORKERS
from mono_depth_ros.inference.cards.model_card import ModelCard, load_card
from mono_depth_ros.visualization.libraries import require_report_libraries

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.protocol.evaluate import (
        DepthFactor,
        EvaluationResult,
        Predictor,
    )
    from mono_depth_ros.evaluation.protocol.published import PublishedResult
    from mono_depth_ros.evaluation.protocol.samples import Frames

Arguments = argparse.Namespace

JSON_NAME, CSV_NAME, REPORT_NAME = 'metrics.json', 'frames.csv', 'report.html'

# What papers measure on, by: of DDAD, split, ground truth.
_PAPERS = {
    (False, 'eigen', 'lidar'): 'kitti_eigen',
    (True, 'val', 'lidar_z'): 'ddad',
    (False, 'eigen_benchmark', 'dense'): 'kitti_improved',
}


class _Task(NamedTuple):
    """What is evaluated, and on what."""

    card: ModelCard
    factor: DepthFactor
    frames: Frames
    split: str
    papers: dict[str, PublishedResult]
    ways: tuple[str, ...]
    subject: dict[str, Any]
    folder: Path


def main(args: Sequence[str] | None = None) -> int:
    """Evaluate one card; return the exit code."""
    chosen = _parser().parse_args(args)
    try:
        require_report_libraries()
        task = _task(chosen)
        _prepare_folder(task.folder, chosen.overwrite)
        from mono_depth_ros.evaluation.protocol.predictors import card_predictor

        predict = card_predictor(task.card, task.frames, chosen.device)
        result = _evaluate(task, predict, chosen)
        print(_text(task, result))
        _write(task, result, predict, chosen.flip)
    except (ImportError, OSError, ValueError) as error:
        print(f'evaluate_depth: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('evaluate_depth: interrupted; nothing was written', file=sys.stderr)
        return 130
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='evaluate_depth',
        description='Compare the depth of a model card with true depth by the protocol of the '
        'field, and write metrics.json, frames.csv and report.html. '
        'docs/evaluation.md says what the figures mean.',
    )
    add = parser.add_argument
    add('--model', required=True, metavar='CARD', help='name or path of a model card')
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        '--kitti',
        metavar='ROOT',
        help='KITTI raw: holds the folders of the recording days (2011_09_26, …)',
    )
    data.add_argument('--ddad', metavar='JSON', help='ddad.json, or one scene JSON')
    add(
        '--split',
        required=True,
        metavar='NAME|FILE',
        help=f"KITTI: {', '.join(KITTI_SPLITS)}, or a file of lines 'folder index side'; "
        f'DDAD: {", ".join(DDAD_SPLITS)}',
    )
    _add_comparison(add)
    _add_running(add)
    return parser


def _add_comparison(add: Callable[..., object]) -> None:
    add(
        '--ground-truth',
        choices=tuple(GROUND_TRUTHS),
        help='of KITTI. lidar: velodyne_points, forward from the scanner, as in the tables of '
        'papers; lidar_z: the same along the optical axis; projected: proj_depth/velodyne_raw; '
        'dense: proj_depth/groundtruth, the improved ground truth (default: lidar, and dense for '
        'eigen_benchmark)',
    )
    add(
        '--cameras',
        nargs='+',
        default=['CAMERA_01'],
        metavar='NAME',
        help='of DDAD (default: CAMERA_01, the one in front)',
    )
    add(
        '--no-median-scaling',
        dest='median_scaling',
        action='store_false',
        help="compare the card's own metres only",
    )
    add(
        '--depth-scale',
        type=float,
        metavar='M',
        help="fixed metres per unit of the network's depth, in place of the card's",
    )
    add('--flip', action='store_true', help='average with the prediction of the mirrored image')


def _add_running(add: Callable[..., object]) -> None:
    add('--device', default='cpu', help='cpu, cuda or cuda:N (default: cpu)')
    add('--batch-size', type=int, default=2, metavar='N', help='images per run (default: 2)')
    add(
        '--workers',
        type=int,
        metavar='N',
        help='threads that read, predict and compare a batch each (default: one per core, '
        f'{MAX_WORKERS} at most)',
    )
    add(
        '--skip-broken',
        action='store_true',
        help='count frames that are missing or broken instead of ending with the first of them',
    )
    add(
        '--output',
        type=Path,
        metavar='FOLDER',
        help='gets the results (default: evaluation/CARD_SPLIT_GROUND-TRUTH)',
    )
    add('--overwrite', action='store_true', help='replace the results that --output holds already')


def _task(chosen: Arguments) -> _Task:
    """Refuse before the long run what would fail after it."""
    card = load_card(chosen.model)
    knows_metres = (
        card.depth_unit == 'metric'
        or card.depth_scale is not None
        or chosen.depth_scale is not None
    )
    if chosen.depth_scale is not None and not chosen.depth_scale > 0:
        raise ValueError(
            f'--depth-scale is {chosen.depth_scale}; expected metres per unit of depth, above 0.'
        )
    if not chosen.median_scaling and not knows_metres:
        raise ValueError(
            f'{card.source}: relative depth without depth_scale has no metres to compare. Leave '
            'out --no-median-scaling, or give a measured --depth-scale.'
        )
    from mono_depth_ros.evaluation.protocol.predictors import card_factor
    from mono_depth_ros.evaluation.protocol.published import load_published, printed_for

    frames, split = _open_frames(chosen)
    ways = (
        *(['median_scaled'] if chosen.median_scaling else []),
        *(['unscaled'] if knows_metres else []),
    )
    name = f'{card.name}_{Path(split).stem}_{frames.rules.ground_truth}'
    folder = chosen.output or Path('evaluation') / name
    subject = _subject(card, frames, split, chosen)
    factor = partial(card_factor, card, depth_scale=chosen.depth_scale)
    data_set = _PAPERS.get((bool(chosen.ddad), split, frames.rules.ground_truth))
    papers = (
        {}
        if data_set is None
        else printed_for(load_published(), card.network, data_set, card.input_size)
    )
    return _Task(card, factor, frames, split, papers, ways, subject, folder.expanduser())


def _prepare_folder(folder: Path, overwrite: bool) -> None:
    """Make the folder of the results before the long run; refuse one that holds something."""
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if held and not overwrite:
        raise ValueError(
            f"Folder '{folder}' holds '{held[0]}' and {len(held) - 1} more; expected a new or an "
            'empty folder. Choose another one (--output), or replace its results (--overwrite).'
        )
    folder.mkdir(parents=True, exist_ok=True)


def _subject(card: ModelCard, frames: Frames, split: str, chosen: Arguments) -> dict[str, Any]:
    """Return all that the figures depend on, by the names that the report shows."""
    subject = {
        'model': card.name,
        'network': card.network,
        'network options': dict(card.network_options) or None,
        'weights': card.sha256 or f'none, seed {card.seed}',
        'network size': f'{card.input_size[0]}x{card.input_size[1]}',
        'depth of the network': f'{card.min_depth:g} to {card.max_depth:g}, {card.depth_unit}',
        'depth_scale': chosen.depth_scale or card.depth_scale,
        'depth_scale given': chosen.depth_scale is not None or None,
        'training_K': card.training_K,
        'split': split,
        'data': str(Path(chosen.kitti or chosen.ddad).expanduser().resolve()),
        'cameras': ' '.join(chosen.cameras) if chosen.ddad else None,
        'frames': len(frames.names),
        'first and last': [frames.names[0], frames.names[-1]],
        'ground truth': frames.rules.ground_truth,
        'limits [m]': list(frames.rules.limits),
        'flip post-processing': chosen.flip,
    }
    return {name: value for name, value in subject.items() if value is not None}


def _open_frames(chosen: Arguments) -> tuple[Frames, str]:
    if chosen.ddad:
        if chosen.ground_truth:
            raise ValueError(
                f"--ground-truth {chosen.ground_truth} is KITTI's; DDAD has its lidar. Leave it "
                'out.'
            )
        from mono_depth_ros.evaluation.protocol.ddad import DdadFrames

        return DdadFrames(chosen.ddad, chosen.cameras, chosen.split), chosen.split
    from mono_depth_ros.evaluation.protocol.kitti import KittiFrames, open_split

    path, entries = open_split(chosen.kitti, chosen.split)
    usual = KITTI_SPLITS[chosen.split][1] if chosen.split in KITTI_SPLITS else 'lidar'
    frames = KittiFrames(chosen.kitti, entries, chosen.ground_truth or usual)
    return frames, chosen.split if chosen.split in KITTI_SPLITS else str(path.resolve())


def _evaluate(task: _Task, predict: Predictor, chosen: Arguments) -> EvaluationResult:
    from tqdm import tqdm

    from mono_depth_ros.evaluation.protocol.evaluate import ImageResult, Skipped, evaluate_frames

    skipped = 0
    with tqdm(total=len(task.frames.names), unit='image', disable=None) as bar:

        def on_image(result: ImageResult | Skipped) -> None:
            nonlocal skipped
            if isinstance(result, Skipped):
                skipped += 1
                bar.set_postfix_str(f'{skipped} skipped', refresh=False)
            bar.update()

        return evaluate_frames(
            task.frames,
            predict,
            depth_factor=task.factor,
            flip=chosen.flip,
            batch_size=chosen.batch_size,
            workers=chosen.workers,
            skip_broken=chosen.skip_broken,
            on_image=on_image,
        )


def _text(task: _Task, result: EvaluationResult) -> str:
    from mono_depth_ros.evaluation.protocol.summary import published_row, range_rows, row_of, table

    means = {way.replace('_', '-'): result.mean(way) for way in task.ways}
    title, mean = next(iter(means.items()))
    rows = {name: row_of(value) for name, value in means.items()}
    rows |= {label: published_row(row) for label, row in task.papers.items()}
    return '\n'.join(
        [
            f'{task.card.name}: {_state(task, result)}',
            *(f'Note: {sentence}' for sentence in _advice(task, result)),
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


def _state(task: _Task, result: EvaluationResult) -> str:
    skipped = f' ({len(result.skipped)} skipped)' if result.skipped else ''
    flip = ', flip post-processing' if task.subject['flip post-processing'] else ''
    low, high = result.rules.limits
    return (
        f'{task.split}: {len(result.images)} images{skipped}, ground truth '
        f'{result.ground_truth}, {low:g} to {high:g} m{flip}, network size '
        f'{task.subject["network size"]}'
    )


def _advice(task: _Task, result: EvaluationResult) -> list[str]:
    """Return what makes the figures mean less than they seem to."""
    card, advice = task.card, []
    if not card.is_trained:
        advice.append('the card is UNTRAINED: the figures mean nothing.')
    if result.skipped:
        advice.append(
            f'{len(result.skipped)} of {len(task.frames.names)} frames were skipped: these are '
            f"not the split's figures. The first: {result.skipped[0].reason}"
        )
    if result.ground_truth == 'lidar' and 'unscaled' in task.ways:
        advice.append(
            'lidar depth is the way forward from the scanner, about 0.27 m more than along the '
            "camera's axis: judge metres by lidar_z, projected or dense."
        )
    return advice


def _write(task: _Task, result: EvaluationResult, predict: Predictor, flip: bool) -> None:
    """Write the results; the pictures last, for which some frames are predicted again."""
    from mono_depth_ros.evaluation.protocol.summary import as_csv, as_json
    from mono_depth_ros.evaluation.report.page import (
        Report,
        show_frames,
        worst_and_best,
        write_page,
    )

    subject, way = task.subject, task.ways[0]
    content = {'subject': subject, **as_json(result, task.ways)}
    (task.folder / JSON_NAME).write_text(
        json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + '\n', 'utf-8'
    )
    (task.folder / CSV_NAME).write_text(as_csv(result, task.ways), 'utf-8')
    worst, best = (
        show_frames(shown, task.frames, predict, task.factor, way, flip)
        for shown in worst_and_best(result, way)
    )
    page = write_page(
        Report(
            task.card.name,
            _state(task, result),
            result,
            task.ways,
            task.papers,
            _advice(task, result),
            subject,
            worst,
            best,
        )
    )
    (task.folder / REPORT_NAME).write_text(page, 'utf-8')
    print(f'{task.folder}: {JSON_NAME}, {CSV_NAME} and {REPORT_NAME}')


if __name__ == '__main__':
    sys.exit(main())
