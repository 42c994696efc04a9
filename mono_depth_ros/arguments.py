"""Command lines: `-` and `_` in the name of an option mean the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any


class ArgumentParser(argparse.ArgumentParser):
    """Take `--max_depth` for `--max-depth`, in sub-commands as well."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse options whatever their spelling; an unknown one keeps it, for the message."""
        given = sys.argv[1:] if args is None else args
        return super().parse_known_args(respell(given, self._known_spelling), namespace)

    def _known_spelling(self, name: str) -> str:
        dashed = name.replace('_', '-')
        is_known = any(option.startswith(dashed) for option in self._option_string_actions)
        return dashed if is_known else name


def respell(arguments: Sequence[str], spell: Callable[[str], str]) -> list[str]:
    """Spell the names of options anew; values, and all that follows `--`, stay as they are.

    Args:
        arguments: of a command line.
        spell: from an option's name, `--` included, to the same name as its parser knows it.
    """
    end = arguments.index('--') if '--' in arguments else len(arguments)
    return [*(_respelt(word, spell) for word in arguments[:end]), *arguments[end:]]


def _respelt(word: str, spell: Callable[[str], str]) -> str:
    if not word.startswith('--'):
        return word
    name, equals, value = word.partition('=')
    return f'{spell(name)}{equals}{value}'
