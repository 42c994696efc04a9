"""The executable `replay_evaluator`: how good live depth is beside a reference topic."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mono_depth_ros.cli.depth_node import SIGNALS, spin
from mono_depth_ros.cli.ros_arguments import parse_node_arguments
from mono_depth_ros.evaluation.robot.report import NOT_MEASURED, exit_code
from mono_depth_ros.ros.evaluator.parameters import PARAMETERS

if TYPE_CHECKING:
    from mono_depth_ros.ros.evaluator.replay_evaluator import ReplayEvaluator


def main(argv: Sequence[str] | None = None) -> int:
    """Spin the node until it is interrupted; return the exit code that evaluate_bag has."""
    given = list(sys.argv[1:] if argv is None else argv)
    parse_node_arguments(
        given,
        'replay_evaluator',
        'Compare the depth that depth_node publishes with a reference topic. ROS parameters set\n'
        'everything: they are listed below with their defaults; docs/evaluation_on_a_robot.md '
        'says\nmore.',
        ((name, repr(default), text) for name, (default, text) in PARAMETERS.items()),
    )
    return _run(given)


def _run(args: list[str]) -> int:
    _on_signals(lambda *_: os._exit(NOT_MEASURED))  # importing takes seconds, and leaves nothing
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from mono_depth_ros.ros.evaluator.replay_evaluator import ReplayEvaluator

    _on_signals(signal.default_int_handler)
    node = None
    try:
        rclpy.init(args=args)
        node = ReplayEvaluator()
        spin(node)
    except (OSError, ValueError) as error:
        print(f'replay_evaluator: error: {error}', file=sys.stderr)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        _on_signals(signal.SIG_IGN)  # a terminal and ros2 launch both send one: tidy up once
        code = NOT_MEASURED if node is None else _close(node)
        rclpy.try_shutdown()
    return code


def _close(node: ReplayEvaluator) -> int:
    """Tell what came out; the node's own log may be gone with its context."""
    text, verdict = node.finish()
    thresholds = node.config.thresholds
    node.destroy_node()
    if verdict is None:
        print(f'replay_evaluator: error: {text}', file=sys.stderr)
        return NOT_MEASURED
    print(text)
    return exit_code(verdict, thresholds)


def _on_signals(handler: Any) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


if __name__ == '__main__':
    sys.exit(main())
