"""The executable `replay_bag`: play a ROS 1 or ROS 2 bag, with or without a ROS installation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.ros_arguments import split_ros_arguments
from mono_depth_ros.ros.replay.options import PlayOptions

if TYPE_CHECKING:
    from mono_depth_ros.ros.replay.bag_player import BagPlayer, PlayReport

INTERRUPTED = 130
DEFAULT_CLOCK_HZ = 100.0


def main(args: Sequence[str] | None = None) -> int:
    """Play a bag; return the exit code."""
    own, ros_arguments = split_ros_arguments(sys.argv[1:] if args is None else args)
    chosen = _parser().parse_args(own)
    try:
        ros_arguments += _remap_arguments(chosen.remap)
        options = PlayOptions(
            topics=chosen.topics,
            rate=chosen.rate,
            clock_hz=chosen.clock,
            loop=chosen.loop,
            start=chosen.start,
            duration=chosen.duration,
            wait_for_subscribers=chosen.wait_for_subscribers,
            subscribers=chosen.subscribers,
            lockstep=tuple(chosen.lockstep) if chosen.lockstep else None,
        )
        return _replay(chosen.bag, options, ros_arguments)
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


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog='replay_bag',
        description='Play a ROS 1 bag or a ROS 2 bag (sqlite3, mcap) with the recorded QoS.',
        epilog='Standard ROS arguments follow --ros-args, e.g. --ros-args -r __ns:=/robot.',
    )
    parser.add_argument('bag', help='a .bag file, a ROS 2 bag folder, or a .mcap or .db3 file')
    parser.add_argument(
        '--topics', nargs='+', default=[], metavar='TOPIC', help='play these only; as recorded'
    )
    parser.add_argument('--rate', type=float, default=1.0, help='bag seconds per second')
    parser.add_argument(
        '--clock',
        nargs='?',
        type=float,
        const=DEFAULT_CLOCK_HZ,
        metavar='HZ',
        help=f'publish bag time on /clock for use_sim_time (HZ: {DEFAULT_CLOCK_HZ:.0f})',
    )
    parser.add_argument('--loop', action='store_true', help='start again at the end')
    parser.add_argument(
        '--remap', nargs='+', default=[], metavar='FROM:=TO', help='publish under another name'
    )
    parser.add_argument(
        '--start', type=float, default=0.0, metavar='S', help='seconds to skip at the beginning'
    )
    parser.add_argument('--duration', type=float, metavar='S', help='bag seconds to play')
    parser.add_argument(
        '--wait-for-subscribers',
        type=float,
        default=2.0,
        metavar='S',
        help='longest wait until every topic has its subscribers: no first message is lost',
    )
    parser.add_argument(
        '--subscribers', type=int, default=1, metavar='N', help='how many each topic waits for'
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
                print(describe_report(player.report))
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


def describe_report(report: PlayReport) -> str:
    """Write the closing lines: messages per topic, time played, worst lateness."""
    width = max(len(topic) for topic in report.messages)
    silent = set(report.without_subscriber)
    lines = [
        f'{topic:<{width}}  {count:6d} messages'
        + ('  (too few subscribers at the start)' if topic in silent else '')
        for topic, count in sorted(report.messages.items())
    ]
    lines.append(
        f'Played {report.bag_seconds:.2f} s of the bag in {report.wall_seconds:.2f} s, '
        f'at worst {1000 * report.worst_lateness:.1f} ms late.'
    )
    if report.unanswered:
        lines.append(f'{report.unanswered} messages got no answer in lockstep.')
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
