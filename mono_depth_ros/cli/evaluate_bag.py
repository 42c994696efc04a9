"""The executable `evaluate_bag`: how good depth is on a robot's own recording, pass or fail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import ENGINE, add_shared
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.report import (
    NOT_MEASURED,
    exit_code,
    write_report,
)
from mono_depth_ros.evaluation.robot.thresholds import NAMES, Threshold, Verdict, check_thresholds
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.prediction.options import open_estimator

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.robot.result import BagResult, FrameRecord
    from mono_depth_ros.inference.estimator import DepthEstimator

_UNITS = {'rmse': ' [m]', 'sq_rel': ' [m]'}


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate one card on one bag; return the exit code."""
    args = create_parser().parse_args(argv)
    frames: list[FrameRecord] = []
    try:
        _check_output(args.output)
        options, thresholds = _options(args), _thresholds(args)
        estimator = open_estimator(args)
        result = _evaluate(estimator, options, args, frames)
    except (OSError, ValueError) as error:
        print(f'evaluate_bag: error: {error}', file=sys.stderr)
        return NOT_MEASURED
    card, verdict = estimator.card, check_thresholds(result, thresholds)
    print(_text(card, args.bag, result, verdict, is_judged=bool(thresholds)))
    if args.output is not None:
        write_report(
            args.output,
            result,
            verdict,
            thresholds,
            frames,
            made_of={'model': card.source, 'bag': str(args.bag), 'options': asdict(options)},
        )
        print(f'{args.output}: the same, and every frame')
    return exit_code(verdict, thresholds)


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='evaluate_bag',
        description='Compare the depth of a model card with what another sensor of the robot '
        'measured, in a ROS 1 or ROS 2 bag (docs/evaluation_on_a_robot.md).',
        epilog='Exit code: 0 passed (or no threshold was given), 1 could not be measured, '
        '3 a threshold does not hold or the clocks disagree.',
    )
    add_shared(parser, 'bag', type=Path)
    add_shared(parser, '--model')
    parser.add_argument(
        '--reference',
        required=True,
        metavar='TOPIC|wall:M',
        help='PointCloud2 of a lidar, depth images (32FC1, 16UC1), or a wall at a known distance '
        '[m]',
    )
    parser.add_argument(
        '--output', type=Path, metavar='FILE', help='write a JSON file, with every frame'
    )
    _add_bag(parser.add_argument_group('bag'))
    _add_comparison(parser.add_argument_group('comparison'))
    add_shared(parser.add_argument_group('model'), '--depth-scale', *ENGINE)
    _add_thresholds(parser)
    return parser


def _add_bag(group: argparse._ArgumentGroup) -> None:
    add_shared(group, '--image-topic', '--camera-info-topic', '--intrinsics', '--input')
    group.add_argument(
        '--reference-info',
        metavar='TOPIC',
        help='CameraInfo of a depth topic (default: camera_info beside it)',
    )
    group.add_argument(
        '--extrinsics', metavar='FILE', help='YAML of transforms, beside /tf_static and /tf'
    )
    add_shared(group, '--stamps', '--start', '--duration')


def _add_comparison(group: argparse._ArgumentGroup) -> None:
    default = EvaluationOptions
    add_shared(group, '--tolerance', default=default.tolerance)
    group.add_argument(
        '--time-offset',
        type=float,
        default=default.time_offset,
        metavar='S',
        help="time added to the reference's stamps [s]",
    )
    add_shared(group, '--min-depth', '--max-depth')
    group.add_argument(
        '--min-pixels',
        type=int,
        default=default.min_pixels,
        metavar='N',
        help='number of pixels with true depth that a frame needs to count',
    )
    group.add_argument(
        '--region',
        type=float,
        nargs=4,
        default=default.region,
        metavar=('LEFT', 'TOP', 'RIGHT', 'BOTTOM'),
        help='part of the image that counts, as shares of its size',
    )
    group.add_argument(
        '--ego-motion',
        default=default.ego_motion,
        metavar='still|TOPIC|tf:FRAME',
        help='how the camera moved, for flicker and between stamps: Odometry, poses, or /tf',
    )
    group.add_argument(
        '--body-frame',
        default=default.body_frame,
        metavar='FRAME',
        help='frame that the poses of a topic are about',
    )
    group.add_argument(
        '--camera-frame',
        default=default.camera_frame,
        metavar='FRAME',
        help='frame of the camera, in place of that of the images',
    )
    group.add_argument(
        '--reference-frame',
        default=default.reference_frame,
        metavar='FRAME',
        help='frame of the reference, in place of the recorded one',
    )


def _add_thresholds(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        'thresholds', 'of metres where depth has any, else of median-scaled depth'
    )
    for name in NAMES:
        side, _, metric = name.partition('_')
        group.add_argument(
            f'--{name.replace("_", "-")}',
            type=float,
            metavar='X',
            help=f'{"largest" if side == "max" else "least"} {metric} that passes'
            f'{_UNITS.get(metric, ", a number")}',
        )


def _options(args: argparse.Namespace) -> EvaluationOptions:
    return EvaluationOptions(
        reference=args.reference,
        tolerance=args.tolerance,
        time_offset=args.time_offset,
        min_depth=args.min_depth,
        max_depth=args.max_depth,
        min_pixels=args.min_pixels,
        region=tuple(args.region),
        ego_motion=args.ego_motion,
        body_frame=args.body_frame,
        camera_frame=args.camera_frame,
        reference_frame=args.reference_frame,
    )


def _evaluate(
    estimator: DepthEstimator,
    options: EvaluationOptions,
    args: argparse.Namespace,
    frames: list[FrameRecord],
) -> BagResult:
    from tqdm import tqdm

    from mono_depth_ros.evaluation.robot.from_bag import BagSource, evaluate_bag
    from mono_depth_ros.inference.predictor import Predictor

    source = BagSource(
        image_topic=args.image_topic,
        camera_info_topic=args.camera_info_topic,
        intrinsics=args.intrinsics,
        input=args.input,
        reference_info_topic=args.reference_info,
        extrinsics=args.extrinsics,
        stamps=args.stamps,
        start=args.start,
        duration=args.duration,
    )
    predictor = Predictor(estimator, args.depth_scale, args.min_depth, args.max_depth)
    with tqdm(total=1.0, disable=None, bar_format='{percentage:3.0f}%|{bar}| {elapsed}') as bar:
        return evaluate_bag(
            args.bag,
            predictor,
            options,
            source,
            on_frame=frames.append,
            on_progress=lambda share: bar.update(share - bar.n),
        )


def _thresholds(args: argparse.Namespace) -> list[Threshold]:
    limits = {name: getattr(args, name) for name in NAMES}
    return [Threshold(name, limit) for name, limit in limits.items() if limit is not None]


def _check_output(output: Path | None) -> None:
    if output is not None and not output.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"Folder '{output.parent}' of --output does not exist. Create it first."
        )


def _text(
    card: ModelCard, bag: Path, result: BagResult, verdict: Verdict, *, is_judged: bool
) -> str:
    state = card.training_data if card.is_trained else 'UNTRAINED: the figures mean nothing'
    lines = [
        f'{card.source}: {card.network}, {card.input_size[0]}x{card.input_size[1]}, {state}',
        f'{bag}',
        result.table(),
    ]
    if is_judged or not verdict.passed:
        lines += ['', verdict.text()]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
