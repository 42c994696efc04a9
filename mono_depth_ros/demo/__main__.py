"""Show the node at work: replay a short bag into the real node, record and picture its outputs.

Run it with `make demo`, or `python -m mono_depth_ros.demo --help` for its options.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.ros.node.parameters import DepthNodeConfig

OWN_BAG_SECONDS = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    args = create_parser().parse_args(argv)
    if args.bag:
        args.duration = args.duration or OWN_BAG_SECONDS
    from mono_depth_ros.demo.run import DemoError, run

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        run(args)
    except (DemoError, FileNotFoundError, ValueError) as error:
        print(f'demo: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('demo: interrupted', file=sys.stderr)
        return 130
    return 0


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog='demo', description=__doc__.splitlines()[0])
    parser.add_argument('--bag', help='your own bag: ROS 1 .bag, ROS 2 folder, .mcap or .db3')
    parser.add_argument(
        '--image-topic', metavar='TOPIC', help='image topic of your bag, where it has several'
    )
    parser.add_argument(
        '--duration',
        type=float,
        metavar='S',
        help='time of the bag to play [s] (default: all of it; of your bag '
        f'{OWN_BAG_SECONDS:.0f})',
    )
    parser.add_argument(
        '--model',
        default=DepthNodeConfig().model,
        metavar='CARD',
        help='name or path of a model card',
    )
    parser.add_argument(
        '--depth-scale',
        type=float,
        metavar='M',
        help="length of a unit of the network's depth [m] (default: the card's)",
    )
    parser.add_argument(
        '--data', default='../shared/data', metavar='FOLDER', help='folder that may hold kitti/'
    )
    parser.add_argument(
        '--street', action='store_true', help='the synthetic street, even where KITTI is at hand'
    )
    parser.add_argument(
        '--street-frames',
        type=int,
        default=60,
        metavar='N',
        help='number of images of the street clip',
    )
    parser.add_argument(
        '--street-size',
        type=int,
        nargs=2,
        default=(320, 1024),
        metavar=('H', 'W'),
        help='height and width of the street images [px]',
    )
    parser.add_argument(
        '--output',
        default='demo',
        metavar='FOLDER',
        help='folder for out/, preview.png, preview.mp4',
    )
    parser.add_argument(
        '--domain-id', type=int, metavar='N', help='number of the ROS domain (default: a free one)'
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
