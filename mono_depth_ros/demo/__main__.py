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


def main(args: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    chosen = _parser().parse_args(args)
    if chosen.bag:
        chosen.duration = chosen.duration or OWN_BAG_SECONDS
    from mono_depth_ros.demo.run import DemoError, run

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        run(chosen)
    except (DemoError, FileNotFoundError, ValueError) as error:
        print(f'demo: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('demo: interrupted', file=sys.stderr)
        return 130
    return 0


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog='demo', description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--bag', help='your own bag: ROS 1 .bag, ROS 2 folder, .mcap or .db3')
    add('--image-topic', help='image topic of your bag, where it has several')
    add(
        '--duration',
        type=float,
        metavar='S',
        help=f'play only the first seconds (of your bag: {OWN_BAG_SECONDS:.0f})',
    )
    add('--model', default=DepthNodeConfig().model, help='model card (default: %(default)s)')
    add('--depth-scale', type=float, metavar='M', help="metres per unit of the network's depth")
    add('--data', default='../shared/data', help='folder that may hold kitti/ (%(default)s)')
    add('--street', action='store_true', help='the synthetic street, even where KITTI is at hand')
    add('--street-frames', type=int, default=60, help='length of the street clip (%(default)s)')
    add(
        '--street-size',
        type=int,
        nargs=2,
        default=(320, 1024),
        metavar=('H', 'W'),
        help='size of the street images (320 1024)',
    )
    add('--output', default='demo', help='folder for out/, preview.png, preview.mp4 (%(default)s)')
    add('--domain-id', type=int, help='ROS domain (default: one that is free here)')
    return parser


if __name__ == '__main__':
    sys.exit(main())
