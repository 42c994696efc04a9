"""Old names that are taken for one more release, each with a warning: the one place for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec('Arguments')
Result = TypeVar('Result')

# Old to new. Options count for every executable that has the new one and not the old.
OPTIONS = {'--afresh': '--overwrite', '--fit': '--resize-mode'}
# Of depth_node; launch/depth.launch.py, which cannot import this, has them as well.
PARAMETERS = {'fit': 'resize_mode'}


def renamed(old: str, new: str) -> str:
    """Return the sentence for those who still use the old name."""
    return f'{old} is called {new} now; the next release knows the new name alone.'


def old_keywords(
    **names: str,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Let a function take keywords by their old names (old='new') too, with a warning."""

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            for old, new in names.items():
                if old in kwargs:
                    warnings.warn(renamed(old, new), DeprecationWarning, stacklevel=2)
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return wrapper

    return decorate
