"""The executable `replay_bag`: play a ROS 1 or ROS 2 bag, with or without a ROS installation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared
from mono_depth_ros.cli.ros_arguments import split_ros_arguments
from mono_depth_ros.ros.replay.options import PlayOptions

if TYPE_CHECKING:
    from mono_depth_ros.ros.replay.bag_player import BagPlayer

INTERRUPTED = 130
DEFAULT_CLOCK_HZ = 100.0


def main(argv: Sequence[str] | None = None) -> int:
    """Play a bag; return the exit code."""
    own, ros_arguments = split_ros_arguments(sys.argv[1:] if argv is None else argv)
    args = create_parser().parse_args(own)
    try:
        ros_arguments += _remap_arguments(args.remap)
        options = PlayOptions(
            topics=args.topics,
            rate=args.rate,
            clock_hz=args.clock,
            loop=args.loop,
            start=args.start,
            duration=args.duration,
            wait_for_subscribers=args.wait_for_subscribers,
            subscribers=args.subscribers,
            lockstep=tuple(args.lockstep) if args.lockstep else None,
        )
        return _replay(args.bag, options, ros_arguments)
    except (FileNotFoundError, PermissionError, ValueError) as error:
        print(f'replay_bag: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _remap_arguments(rules: Sequence[str]) -> list[str]:
    for rule in rules:
        if not all(rule.partition(':=')):
            raise ValueError(f"'{rule}' is not a remapping. Expected /recorded/topic:=/new/topic.")
    return ['--ros-args', *(word for rule in rules for word in ('-r', rule)), '--']


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='replay_bag',
        description='Play a ROS 1 bag or a ROS 2 bag (sqlite3, mcap) with the recorded QoS.',
        epilog='Standard ROS arguments follow --ros-args, e.g. --ros-args -r __ns:=/robot.',
    )
    add_shared(parser, 'bag')
    parser.add_argument(
        '--topics', nargs='+', default=[], metavar='TOPIC', help='play these only; as recorded'
    )
    parser.add_argument(
        '--rate',
        type=float,
        default=1.0,
        metavar='FACTOR',
        help='factor of the speed: bag seconds per second',
    )
    parser.add_argument(
        '--clock',
        nargs='?',
        type=float,
        const=DEFAULT_CLOCK_HZ,
        metavar='HZ',
        help='publish bag time on /clock for use_sim_time, this often [Hz] (default: no clock; '
        f'without a number {DEFAULT_CLOCK_HZ:.0f})',
    )
    parser.add_argument('--loop', action='store_true', help='start again at the end')
    parser.add_argument(
        '--remap', nargs='+', default=[], metavar='FROM:=TO', help='publish under another name'
    )
    add_shared(parser, '--start', '--duration')
    parser.add_argument(
        '--wait-for-subscribers',
        type=float,
        default=2.0,
        metavar='S',
        help='longest wait until every topic has its subscribers: no first message is lost [s]',
    )
    parser.add_argument(
        '--subscribers',
        type=int,
        default=1,
        metavar='N',
        help='number of subscribers that each topic waits for',
    )
    parser.add_argument(
        '--lockstep',
        nargs=2,
        metavar=('TOPIC', 'ANSWERS'),
        help='after each message of TOPIC wait for an image with its stamp on ANSWERS, e.g. '
        '/camera/image_raw /depth/image_rect: a slow machine loses no image, and --clock stands '
        'still meanwhile',
    )
    return parser


def _replay(bag: str, options: PlayOptions, ros_arguments: Sequence[str]) -> int:
    import rclpy

    from mono_depth_ros.bags.reader import open_bag
    from mono_depth_ros.ros.replay.bag_player import BagPlayer

    with open_bag(bag) as reader:
        rclpy.init(args=list(ros_arguments))
        node = rclpy.create_node('replay_bag', start_parameter_services=False)
        try:
            player = BagPlayer(node, reader, options)
            for kind, topics in player.report.skipped.items():
                print(
                    f'replay_bag: skipped {", ".join(topics)}: message type {kind} is not '
                    f'installed here.',
                    file=sys.stderr,
                )
            try:
                _play_with_bar(player)
            finally:
                print(player.report.text())
        finally:
            node.destroy_node()
            rclpy.try_shutdown()
    return 0


def _play_with_bar(player: BagPlayer) -> None:
    from tqdm import tqdm

    # disable=None: no bar where nobody watches, such as in a log file.
    with tqdm(
        total=player.duration,
        unit='s',
        desc='Playing',
        disable=None,
        bar_format='{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s',
    ) as bar:

        def advance(seconds: float) -> None:
            bar.update(seconds - bar.n)

        player.play(advance)


if __name__ == '__main__':
    sys.exit(main())
