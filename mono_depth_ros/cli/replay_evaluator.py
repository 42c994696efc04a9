"""The executable `replay_evaluator`: how good live depth is beside a reference topic."""

from __future__ import annotations

import signal
import sys
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException

from mono_depth_ros.cli.depth_node import SIGNALS, spin
from mono_depth_ros.cli.evaluate_bag import FAILED, NOT_MEASURED, PASSED
from mono_depth_ros.ros.replay_evaluator import ReplayEvaluator


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
        return NOT_MEASURED
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        _on_signals(signal.SIG_IGN)  # a terminal and ros2 launch both send one: tidy up once
        verdict = node.finish() if node is not None else None
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    if verdict is None:
        return NOT_MEASURED
    return PASSED if verdict.passed or node is None or not node.config.thresholds else FAILED


def _on_signals(handler: Any) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


if __name__ == '__main__':
    sys.exit(main(sys.argv))
