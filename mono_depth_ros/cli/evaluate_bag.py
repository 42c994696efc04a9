"""The executable `evaluate_bag`: how good depth is on a robot's own recording, pass or fail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.evaluation.robot.thresholds import NAMES, Threshold, Verdict, judge
from mono_depth_ros.inference.cards.model_card import DEFAULT_CARD, ModelCard
from mono_depth_ros.outputs.depth_outputs import MAX_DEPTH, MIN_DEPTH
from mono_depth_ros.prediction.options import add_engine_options, open_estimator

if TYPE_CHECKING:
    from mono_depth_ros.evaluation.robot.result import BagResult, FrameRecord
    from mono_depth_ros.inference.estimator import DepthEstimator

PASSED, NOT_MEASURED, FAILED = 0, 1, 3


def main(args: Sequence[str] | None = None) -> int:
    """Evaluate one card on one bag; return the exit code."""
    chosen = _parser().parse_args(args)
    frames: list[FrameRecord] = []
    try:
        _check_output(chosen.output)
        options = _options(chosen)
        estimator = open_estimator(chosen)
        result = _evaluate(estimator, options, chosen, frames)
    except (OSError, ValueError) as error:
        print(f'evaluate_bag: error: {error}', file=sys.stderr)
        return NOT_MEASURED
    card, verdict = estimator.card, judge(result, _thresholds(chosen))
    print(_text(card, chosen, result, verdict))
    if chosen.output is not None:
        from mono_depth_ros.evaluation.robot.report import write_report

        write_report(
            chosen.output,
            result,
            verdict,
            _thresholds(chosen),
            frames,
            made_of={
                'model': card.source,
                'bag': str(chosen.bag),
                'options': asdict(_options(chosen)),
            },
        )
        print(f'{chosen.output}: the same, and every frame')
    return PASSED if verdict.passed or not _thresholds(chosen) else FAILED


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='evaluate_bag',
        description='Compare the depth of a model card with what another sensor of the robot '
        'measured, in a ROS 1 or ROS 2 bag (docs/evaluation_on_a_robot.md).',
        epilog='Exit code: 0 passed (or no threshold was given), 1 could not be measured, '
        '3 a threshold does not hold or the clocks disagree.',
    )
    add = parser.add_argument
    add('bag', type=Path, help='a .bag file, a ROS 2 bag folder, or a .mcap or .db3 file')
    add(
        '--model',
        default=DEFAULT_CARD,
        metavar='CARD',
        help='name or path of a model card (default: %(default)s)',
    )
    add(
        '--reference',
        required=True,
        metavar='TOPIC|wall:M',
        help='PointCloud2 of a lidar, depth images (32FC1, 16UC1), or a wall at a known distance',
    )
    add('--output', type=Path, metavar='FILE', help='write a JSON file, with every frame')
    _add_bag(parser)
    _add_comparison(parser)
    _add_model(parser)
    limits = parser.add_argument_group(
        'thresholds', 'of metres where depth has any, else of median-scaled depth'
    )
    for name in NAMES:
        limits.add_argument(f'--{name.replace("_", "-")}', type=float, metavar='X')
    return parser


def _add_bag(parser: ArgumentParser) -> None:
    add = parser.add_argument_group('bag').add_argument
    add('--image', metavar='TOPIC', help='Image or CompressedImage (default: the only one)')
    add('--camera-info', metavar='TOPIC', help='default: camera_info beside the images')
    add('--intrinsics', metavar='FILE', help='YAML of camera_calibration, in place of the topic')
    add('--input', default='raw', choices=('raw', 'rectified'), help='what the images are')
    add('--reference-info', metavar='TOPIC', help='default: camera_info beside a depth topic')
    add('--extrinsics', metavar='FILE', help='YAML of transforms, beside /tf_static and /tf')
    add(
        '--stamps',
        default='header',
        choices=('header', 'log'),
        help='log: the times of recording, where headers have none',
    )
    add('--start', type=float, default=0.0, metavar='S', help='seconds to skip at the beginning')
    add('--duration', type=float, metavar='S', help='bag seconds to evaluate')


def _add_comparison(parser: ArgumentParser) -> None:
    add = parser.add_argument_group('comparison').add_argument
    defaults = EvaluationOptions('wall:1')
    add(
        '--tolerance',
        type=float,
        default=defaults.tolerance,
        metavar='S',
        help='how far stamps of frame and reference may be apart (default: %(default)s)',
    )
    add('--time-offset', type=float, default=0.0, metavar='S', help="added to reference's stamps")
    add('--min-depth', type=float, default=MIN_DEPTH, metavar='M', help='default: %(default)s')
    add('--max-depth', type=float, default=MAX_DEPTH, metavar='M', help='default: %(default)s')
    add(
        '--min-pixels',
        type=int,
        default=defaults.min_pixels,
        metavar='N',
        help='with true depth, for a frame to count (default: %(default)s)',
    )
    add(
        '--region',
        type=float,
        nargs=4,
        default=defaults.region,
        metavar=('LEFT', 'TOP', 'RIGHT', 'BOTTOM'),
        help='part that counts, as shares (0 to 1)',
    )
    add(
        '--ego-motion',
        default='',
        metavar='still|TOPIC|tf:FRAME',
        help='how the camera moved, for flicker and between stamps: Odometry, poses, or /tf',
    )
    add('--body-frame', default='', metavar='FRAME', help='what the poses of a topic are about')
    add('--camera-frame', default='', metavar='FRAME', help='in place of that of the images')
    add('--reference-frame', default='', metavar='FRAME', help='in place of the recorded one')


def _add_model(parser: ArgumentParser) -> None:
    add = parser.add_argument_group('model').add_argument
    add('--depth-scale', type=float, metavar='X', help='metres per unit of depth, wins over card')
    add_engine_options(add)


def _options(chosen: argparse.Namespace) -> EvaluationOptions:
    return EvaluationOptions(
        chosen.reference,
        tolerance=chosen.tolerance,
        time_offset=chosen.time_offset,
        min_depth=chosen.min_depth,
        max_depth=chosen.max_depth,
        min_pixels=chosen.min_pixels,
        region=tuple(chosen.region),
        ego_motion=chosen.ego_motion,
        body_frame=chosen.body_frame,
        camera_frame=chosen.camera_frame,
        reference_frame=chosen.reference_frame,
    )


def _evaluate(
    estimator: DepthEstimator,
    options: EvaluationOptions,
    chosen: argparse.Namespace,
    frames: list[FrameRecord],
) -> BagResult:
    from tqdm import tqdm

    from mono_depth_ros.evaluation.robot.from_bag import BagSource, evaluate_bag
    from mono_depth_ros.inference.predictor import Predictor

    source = BagSource(
        image_topic=chosen.image,
        camera_info_topic=chosen.camera_info,
        intrinsics=chosen.intrinsics,
        input=chosen.input,
        reference_info_topic=chosen.reference_info,
        extrinsics=chosen.extrinsics,
        stamps=chosen.stamps,
        start=chosen.start,
        duration=chosen.duration,
    )
    predictor = Predictor(estimator, chosen.depth_scale, chosen.min_depth, chosen.max_depth)
    with tqdm(total=1.0, disable=None, bar_format='{percentage:3.0f}%|{bar}| {elapsed}') as bar:
        return evaluate_bag(
            chosen.bag,
            predictor,
            options,
            source,
            on_frame=frames.append,
            on_progress=lambda share: bar.update(share - bar.n),
        )


def _thresholds(chosen: argparse.Namespace) -> list[Threshold]:
    return [
        Threshold(name, getattr(chosen, name))
        for name in NAMES
        if getattr(chosen, name) is not None
    ]


def _check_output(output: Path | None) -> None:
    if output is not None and not output.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"Folder '{output.parent}' of --output does not exist. Create it first."
        )


def _text(card: ModelCard, chosen: argparse.Namespace, result: BagResult, verdict: Verdict) -> str:
    state = card.training_data if card.is_trained else 'UNTRAINED: the figures mean nothing'
    lines = [
        f'{card.source}: {card.network}, {card.input_size[0]}x{card.input_size[1]}, {state}',
        f'{chosen.bag}',
        result.table(),
    ]
    if _thresholds(chosen) or not verdict.passed:
        lines += ['', verdict.text()]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
