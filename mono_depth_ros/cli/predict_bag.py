"""The executable `predict_bag`: a copy of a bag that has depth as well, without ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.messages.color_scale import COLORMAPS
from mono_depth_ros.prediction.bag_options import DEFAULT_OUTPUTS, OUTPUTS, BagDepthOptions
from mono_depth_ros.prediction.options import add_estimator_options, describe, open_estimator

if TYPE_CHECKING:
    from mono_depth_ros.prediction.bag import BagDepthReport


def main(args: Sequence[str] | None = None) -> int:
    """Add depth to one bag; return the exit code."""
    chosen = _parser().parse_args(args)
    try:
        options = _options(chosen)
        from tqdm import tqdm

        from mono_depth_ros.prediction.bag import add_depth

        estimator = open_estimator(chosen)
        with tqdm(desc='Writing', unit=' messages', disable=None) as bar:

            def advance(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            report = add_depth(
                Path(chosen.bag).expanduser(),
                Path(chosen.output).expanduser(),
                estimator,
                options,
                advance,
            )
    except (OSError, ValueError) as error:
        print(f'predict_bag: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('predict_bag: interrupted, nothing is left behind', file=sys.stderr)
        return 130
    _print(report)
    for kind in sorted(report.kinds):
        print(
            f'{chosen.output}: {describe(estimator.card, kind)}; '
            f'weights: {estimator.card.license_weights}'
        )
    return 0


def _print(report: BagDepthReport) -> None:
    print(f'{report.copied:7}  messages taken over')
    for topic, count in sorted(report.added.items()):
        print(f'{count:7}  {topic}')
    for reason, count in report.skipped.items():
        print(f'{count:7}  images without depth: {reason}')
    for topic, kind in report.left_out.items():
        print(
            f"warning: '{topic}' is left out: the bag does not define its type {kind}, as those "
            "of Humble and older never do. 'ros2 bag convert' it where the package is installed"
        )
    for warning in sorted(report.warnings):
        print(f'warning: {warning}')


def _options(chosen: argparse.Namespace) -> BagDepthOptions:
    return BagDepthOptions(
        image_topic=chosen.image_topic,
        camera_info_topic=chosen.camera_info_topic,
        intrinsics=chosen.intrinsics,
        input=chosen.input,
        depth_scale=chosen.depth_scale,
        min_depth=chosen.min_depth,
        max_depth=chosen.max_depth,
        depth_encoding=chosen.depth_encoding,
        cloud_stride=chosen.cloud_stride,
        colormap=chosen.colormap,
        outputs=tuple(chosen.add),
        namespace=chosen.namespace,
        batch_size=chosen.batch_size,
    )


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='predict_bag',
        description='Copy a bag (ROS 1 or ROS 2) to a ROS 2 mcap and add what depth_node would '
        'publish for one camera: every message and stamp is kept (docs/bags_and_files.md).',
    )
    add = parser.add_argument
    add('bag', help='ROS 1 .bag, ROS 2 folder, .mcap or .db3')
    add('output', help='folder of the new bag')
    add('--image-topic', metavar='TOPIC', help='may be left out where the bag has only one')
    add('--camera-info-topic', metavar='TOPIC', help='default: camera_info beside the images')
    add(
        '--add',
        nargs='+',
        choices=tuple(OUTPUTS),
        default=DEFAULT_OUTPUTS,
        metavar='OUTPUT',
        help=f'of {", ".join(OUTPUTS)} (default: {" ".join(DEFAULT_OUTPUTS)})',
    )
    add('--namespace', default='/', help="prefix of the new topics (default: '/')")
    add(
        '--depth-encoding',
        choices=('32FC1', '16UC1'),
        default=BagDepthOptions.depth_encoding,
        help='metres, or millimetres with 0 = invalid',
    )
    add(
        '--cloud-stride',
        type=int,
        default=BagDepthOptions.cloud_stride,
        metavar='N',
        help='every n-th pixel of every n-th row becomes a point',
    )
    add('--colormap', choices=COLORMAPS, default=BagDepthOptions.colormap)
    add_estimator_options(parser)
    return parser


if __name__ == '__main__':
    sys.exit(main())
