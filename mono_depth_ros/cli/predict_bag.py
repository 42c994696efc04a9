"""The executable `predict_bag`: a copy of a bag that has depth as well, without ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_estimator_options, add_shared
from mono_depth_ros.cli.progress import progress_bar
from mono_depth_ros.messages.color_scale import COLORMAPS
from mono_depth_ros.prediction.bag_options import DEFAULT_OUTPUTS, OUTPUTS, BagDepthOptions
from mono_depth_ros.prediction.options import describe, open_estimator

if TYPE_CHECKING:
    from mono_depth_ros.prediction.bag import BagDepthReport


def main(argv: Sequence[str] | None = None) -> int:
    """Add depth to one bag; return the exit code."""
    args = create_parser().parse_args(argv)
    try:
        options = _options(args)
        from mono_depth_ros.prediction.bag import add_depth

        estimator = open_estimator(args)
        with progress_bar('messages') as advance:
            report = add_depth(
                Path(args.bag).expanduser(),
                Path(args.output).expanduser(),
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
            f'{args.output}: {describe(estimator.card, kind)}; '
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


def _options(args: argparse.Namespace) -> BagDepthOptions:
    return BagDepthOptions(
        image_topic=args.image_topic,
        camera_info_topic=args.camera_info_topic,
        intrinsics=args.intrinsics,
        input=args.input,
        depth_scale=args.depth_scale,
        min_depth=args.min_depth,
        max_depth=args.max_depth,
        depth_encoding=args.depth_encoding,
        cloud_stride=args.cloud_stride,
        colormap=args.colormap,
        outputs=tuple(args.add),
        namespace=args.namespace,
        batch_size=args.batch_size,
    )


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='predict_bag',
        description='Copy a bag (ROS 1 or ROS 2) to a ROS 2 mcap and add what depth_node would '
        'publish for one camera: every message and stamp is kept (docs/bags_and_files.md).',
    )
    add_shared(parser, 'bag')
    parser.add_argument('output', help='folder of the new bag')
    add_shared(parser, '--image-topic', '--camera-info-topic')
    parser.add_argument(
        '--add',
        nargs='+',
        choices=tuple(OUTPUTS),
        default=DEFAULT_OUTPUTS,
        metavar='OUTPUT',
        help=f'what to add, of {", ".join(OUTPUTS)}',
    )
    parser.add_argument('--namespace', default='/', help='prefix of the new topics')
    parser.add_argument(
        '--depth-encoding',
        choices=('32FC1', '16UC1'),
        default=BagDepthOptions.depth_encoding,
        help='32FC1: metres; 16UC1: millimetres, 0 is invalid',
    )
    parser.add_argument(
        '--cloud-stride',
        type=int,
        default=BagDepthOptions.cloud_stride,
        metavar='N',
        help='every n-th pixel of every n-th row becomes a point [px]',
    )
    parser.add_argument(
        '--colormap',
        choices=COLORMAPS,
        default=BagDepthOptions.colormap,
        help='colours of depth/color',
    )
    add_estimator_options(parser)
    return parser


if __name__ == '__main__':
    sys.exit(main())
