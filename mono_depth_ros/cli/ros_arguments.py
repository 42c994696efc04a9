"""What the executables that are nodes have in common: ROS's arguments and those of their own."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Sequence

from mono_depth_ros.arguments import ArgumentParser

_INDENT = ' ' * 6
_WIDTH = 99


def split_ros_arguments(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into the program's arguments and ROS's (`--ros-args … --`)."""
    own: list[str] = []
    ros: list[str] = []
    is_ros = False
    for word in args:
        is_ros = is_ros or word == '--ros-args'
        (ros if is_ros else own).append(word)
        is_ros = is_ros and word != '--'
    return own, ros


def parse_node_arguments(
    args: Sequence[str], name: str, description: str, parameters: Iterable[tuple[str, str, str]]
) -> None:
    """Answer --help, and refuse what a node does not take, before ROS is imported.

    Args:
        args: the command line without the program; ROS's arguments pass.
        name: of the executable.
        description: what it does, and where its parameters are explained.
        parameters: name, default and description of each.

    Raises:
        SystemExit: after --help (0), and for an argument that is not ROS's (2).
    """
    parser = ArgumentParser(
        prog=name,
        usage=f'{name} [-h] [--ros-args [-p PARAMETER:=VALUE] [--params-file FILE] '
        '[-r FROM:=TO] ...]',
        description=description,
        epilog='parameters:\n' + '\n'.join(_described(*parameter) for parameter in parameters),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own, _ = split_ros_arguments(args)
    if '-h' in own or '--help' in own:
        parser.parse_args(['--help'])
    if own:
        parser.error(
            f"'{' '.join(own)}' is no argument of {name}; expected --ros-args, which parameters "
            '(-p name:=value), files of them (--params-file FILE) and remappings (-r from:=to) '
            f'follow. {name} --help lists the parameters.'
        )


def _described(name: str, default: str, description: str) -> str:
    text = textwrap.fill(description, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return f'  {name}: {default}\n{text}'
