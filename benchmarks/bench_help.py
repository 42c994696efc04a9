"""Print how long every executable takes to answer --help: python benchmarks/bench_help.py.

A bar of 1 s is what a person at a terminal waits for without wondering. Each answer comes from an
interpreter of its own, as it does in a shell.
"""

import subprocess
import sys
import time
from importlib.metadata import entry_points
from statistics import median

from common.headline import headline
from common.tables import bar

RUNS = 3
LIMIT_S = 1.0
PACKAGE = 'mono_depth_ros'


def main() -> None:
    print(headline())
    for name, module in modules().items():
        figure = median(seconds(module) for _ in range(RUNS))
        print(bar(f'{name} --help [s]', figure, LIMIT_S, at_most=True), flush=True)


def modules() -> dict[str, str]:
    """Return what each executable runs, by name, and the demo."""
    scripts = {
        script.name: script.module
        for script in sorted(entry_points(group='console_scripts'))
        if script.module.startswith(f'{PACKAGE}.')
    }
    return scripts | {f'python -m {PACKAGE}.demo': f'{PACKAGE}.demo'}


def seconds(module: str) -> float:
    """Return the wall time from the start of the interpreter to its end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, '-m', module, '--help'], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


if __name__ == '__main__':
    main()
