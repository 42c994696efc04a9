"""The executable `evaluate_depth`: how good a model card is on KITTI, on DDAD, on one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared
from mono_depth_ros.datasets.known_splits import DDAD_SPLITS
from mono_depth_ros.evaluation.protocol.options import (
    GROUND_TRUTHS,
    KITTI_SPLITS,
    MAX_WORKERS,
    scalings_of,
)
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.visualization.libraries import require_report_libraries

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.protocol.card_evaluation import CardEvaluation
    from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult, Predictor
    from mono_depth_ros.evaluation.protocol.evaluation_sets import EvaluationSet


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate one card; return the exit code."""
    args = create_parser().parse_args(argv)
    try:
        evaluation = _evaluation(args)
        folder = args.output or Path('evaluation') / evaluation.name
        _run(evaluation, folder.expanduser(), args)
    except (ImportError, OSError, ValueError) as error:
        print(f'evaluate_depth: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('evaluate_depth: interrupted; nothing was written', file=sys.stderr)
        return 130
    return 0


def _evaluation(args: argparse.Namespace) -> CardEvaluation:
    """Refuse before the long run what would fail after it."""
    require_report_libraries()
    card = load_card(args.model)
    scalings = scalings_of(card, args.depth_scale, args.median_scaling)
    from mono_depth_ros.evaluation.protocol.card_evaluation import CardEvaluation, printed_papers

    data = _open_data(args)
    papers = printed_papers(card, data)
    return CardEvaluation(card, data, scalings, papers, args.depth_scale, args.flip)


def _open_data(args: argparse.Namespace) -> EvaluationSet:
    if args.ddad and args.ground_truth:
        raise ValueError(
            f"--ground-truth {args.ground_truth} is KITTI's; DDAD has its lidar. Leave it out."
        )
    from mono_depth_ros.evaluation.protocol.evaluation_sets import ddad_set, kitti_set

    if args.ddad:
        return ddad_set(args.ddad, args.split, args.cameras)
    return kitti_set(args.kitti, args.split, args.ground_truth)


def _run(evaluation: CardEvaluation, folder: Path, args: argparse.Namespace) -> None:
    from mono_depth_ros.evaluation.protocol.predictors import card_predictor
    from mono_depth_ros.evaluation.report import files

    files.prepare_folder(folder, args.overwrite)
    predict = card_predictor(evaluation.card, evaluation.data.frames, args.device)
    result = _evaluate(evaluation, predict, args)
    print(evaluation.text(result))
    files.write_results(folder, evaluation, result, predict)
    print(f'{folder}: {files.JSON_NAME}, {files.CSV_NAME} and {files.REPORT_NAME}')


def _evaluate(
    evaluation: CardEvaluation, predict: Predictor, args: argparse.Namespace
) -> EvaluationResult:
    from tqdm import tqdm

    from mono_depth_ros.evaluation.protocol.evaluate import ImageResult, Skipped, evaluate_frames

    skipped = 0
    with tqdm(total=len(evaluation.data.frames.names), unit='image', disable=None) as bar:

        def on_image(result: ImageResult | Skipped) -> None:
            nonlocal skipped
            if isinstance(result, Skipped):
                skipped += 1
                bar.set_postfix_str(f'{skipped} skipped', refresh=False)
            bar.update()

        return evaluate_frames(
            evaluation.data.frames,
            predict,
            depth_factor=evaluation.depth_factor,
            flip=args.flip,
            batch_size=args.batch_size,
            workers=args.workers,
            skip_broken=args.skip_broken,
            on_image=on_image,
        )


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='evaluate_depth',
        description='Compare the depth of a model card with true depth by the protocol of the '
        'field, and write metrics.json, frames.csv and report.html. '
        'docs/evaluation.md says what the figures mean.',
    )
    add_shared(parser, '--model', required=True, default=None)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        '--kitti',
        metavar='ROOT',
        help='KITTI raw: holds the folders of the recording days (2011_09_26, …)',
    )
    data.add_argument('--ddad', metavar='JSON', help='ddad.json, or one scene JSON')
    parser.add_argument(
        '--split',
        required=True,
        metavar='NAME|FILE',
        help=f"KITTI: {', '.join(KITTI_SPLITS)}, or a file of lines 'folder index side'; "
        f'DDAD: {", ".join(DDAD_SPLITS)}',
    )
    _add_comparison(parser)
    _add_running(parser)
    return parser


def _add_comparison(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--ground-truth',
        choices=tuple(GROUND_TRUTHS),
        help='true depth of KITTI. lidar: velodyne_points, forward from the scanner, as in the '
        'tables of papers; lidar_z: the same along the optical axis; projected: '
        'proj_depth/velodyne_raw; dense: proj_depth/groundtruth, the improved ground truth '
        '(default: lidar, and dense for eigen_benchmark)',
    )
    parser.add_argument(
        '--cameras',
        nargs='+',
        default=['CAMERA_01'],
        metavar='NAME',
        help='cameras of DDAD (default: CAMERA_01, the one in front)',
    )
    parser.add_argument(
        '--no-median-scaling',
        dest='median_scaling',
        action='store_false',
        help="compare the card's own metres only",
    )
    add_shared(parser, '--depth-scale')
    parser.add_argument(
        '--flip', action='store_true', help='average with the prediction of the mirrored image'
    )


def _add_running(parser: ArgumentParser) -> None:
    add_shared(parser, '--device')
    add_shared(parser, '--batch-size', default=2)
    parser.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='number of threads that read, predict and compare a batch each (default: one per '
        f'core, {MAX_WORKERS} at most)',
    )
    parser.add_argument(
        '--skip-broken',
        action='store_true',
        help='count frames that are missing or broken instead of ending with the first of them',
    )
    parser.add_argument(
        '--output',
        type=Path,
        metavar='FOLDER',
        help='folder that gets the results (default: evaluation/CARD_SPLIT_GROUND-TRUTH)',
    )
    add_shared(parser, '--overwrite')


if __name__ == '__main__':
    sys.exit(main())
