"""The executable `replay_evaluator`: how good live depth is beside a reference topic."""

from __future__ import annotations

import signal
import sys
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException

from mono_depth_ros.cli.depth_node import SIGNALS, spin
from mono_depth_ros.cli.evaluate_bag import FAILED, NOT_MEASURED, PASSED
from mono_depth_ros.ros.evaluator.replay_evaluator import ReplayEvaluator


def main(args: list[str] | None = None) -> int:
    """Spin the node until it is interrupted; return the exit code that evaluate_bag has."""
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
    return PASSED if verdict.passed or not thresholds else FAILED


def _on_signals(handler: Any) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


if __name__ == '__main__':
    sys.exit(main(sys.argv))
