"""Command lines: `-` and `_` in an option's name mean the same; a wrong name is refused."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from mono_depth_ros.deprecation import OPTIONS, renamed
from mono_depth_ros.suggest import did_you_mean


class HelpFormatter(argparse.HelpFormatter):
    """State the default of every option that has one, and whose text does not say more of it."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or '', action.default
        listed = ' '.join(map(str, default)) if isinstance(default, (list, tuple)) else default
        is_given = listed is not None and listed is not False and listed != ''
        if not is_given or default == argparse.SUPPRESS or '(default: ' in text:
            return text
        return f'{text} (default: {str(listed).replace("%", "%%")})'


class ArgumentParser(argparse.ArgumentParser):
    """Take `--max_depth` for `--max-depth`, and name unknown options before missing ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({'formatter_class': HelpFormatter} | kwargs))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments whose options may be written with `-` or `_`."""
        given = respell(sys.argv[1:] if args is None else args, self._known_spelling)
        self._refuse_unknown(given)
        return super().parse_known_args(given, namespace)

    def _known_spelling(self, name: str) -> str:
        dashed = name.replace('_', '-')
        new = OPTIONS.get(dashed, '')
        if new and self._knows(new) and not self._knows(dashed):
            print(f'{self.prog}: warning: {renamed(dashed, new)}', file=sys.stderr)
            return new
        return dashed if self._knows(dashed) else name

    def _knows(self, name: str) -> bool:
        return any(option.startswith(name) for option in self._option_string_actions)

    def _refuse_unknown(self, arguments: Sequence[str]) -> None:
        if self._subparsers is not None:  # the sub-command knows what follows it
            arguments = list(takewhile(lambda word: word.startswith('-'), arguments))
        for name in option_names(arguments):
            # A blank makes a value of what looks like an option.
            if not self._knows(name) and ' ' not in name:
                near = did_you_mean(name, list(self._option_string_actions))
                self.error(f"Unknown option '{name}'.{near} {self.prog} --help lists all of them.")


def option_names(arguments: Sequence[str]) -> list[str]:
    """Return the names of the long options of a command line, `--` included."""
    return [
        word.partition('=')[0]
        for word in arguments[: _end_of_options(arguments)]
        if word.startswith('--')
    ]


def respell(arguments: Sequence[str], spell: Callable[[str], str]) -> list[str]:
    """Spell the names of options anew; values, and all that follows `--`, stay as they are.

    Args:
        arguments: of a command line.
        spell: from an option's name, `--` included, to the same name as its parser knows it.
    """
    end = _end_of_options(arguments)
    return [*(_respelt(word, spell) for word in arguments[:end]), *arguments[end:]]


def _end_of_options(arguments: Sequence[str]) -> int:
    return arguments.index('--') if '--' in arguments else len(arguments)


def _respelt(word: str, spell: Callable[[str], str]) -> str:
    if not word.startswith('--'):
        return word
    name, equals, value = word.partition('=')
    return f'{spell(name)}{equals}{value}'
