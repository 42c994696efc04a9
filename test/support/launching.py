"""Launch files to test: their descriptions here, their processes in a session of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import TextSubstitution
from launch_ros.actions import Node
from processes import PythonProcess

LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
arguments = [tuple(argument.split(':=', 1)) for argument in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=arguments)]))
sys.exit(service.run())
"""


def describe(path: Path) -> LaunchDescription:
    return PythonLaunchDescriptionSource(str(path)).try_get_launch_description_without_context()


def visit(path: Path, **arguments: str) -> list[Any]:
    """Take the arguments as launch would, and return what the file would start."""
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    return started(describe(path).entities, context)


def started(entities: Any, context: LaunchContext) -> list[Any]:
    entries: list[Any] = []
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.visit(context)
        elif isinstance(entity, OpaqueFunction | IncludeLaunchDescription):
            entries += started(entity.visit(context) or [], context)
        elif isinstance(entity, LaunchDescription):
            entries += started(entity.entities, context)
        else:
            entries.append(entity)
    return entries


def words(node: Node) -> list[str]:
    """Return the literal words of a command line; launch fills in the others at the start."""
    return [word[0].text for word in node.cmd[1:] if isinstance(word[0], TextSubstitution)]


class LaunchProcess(PythonProcess):
    """Run a launch file."""

    patience = 30.0

    def __init__(self, path: Path, log: Path, *arguments: str, **environment: str) -> None:
        super().__init__(log, ['-c', LAUNCH, str(path), *arguments], environment)

    def wait(self, timeout: float = 60.0) -> int:
        return self.process.wait(timeout=timeout)
