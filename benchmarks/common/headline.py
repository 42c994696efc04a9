"""The first line of every benchmark: when, on what, of which commit."""

import os
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mono_depth_ros.machine import processor_name


def headline(*packages: str) -> str:
    """Return date, hardware, load, versions of packages, commit."""
    versions = ', '.join(f'{name} {installed(name)}' for name in packages)
    load = os.getloadavg()[0]
    cores = f'{os.cpu_count()} x {processor_name()}'
    return (
        f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {cores}, '
        f'{graphics()}load {load:.1f}, {versions}{", " if versions else ""}commit {commit()}'
    )


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return 'not installed'


def commit() -> str:
    return answer_of('git', 'rev-parse', '--short', 'HEAD') or 'unknown'


def graphics() -> str:
    """Return the names of the GPUs; asked of the driver, CUDA itself would not survive a fork."""
    names = answer_of('nvidia-smi', '--query-gpu=name,driver_version', '--format=csv,noheader')
    return ''.join(f'{name}, ' for name in names.splitlines())


def answer_of(*command: str) -> str:
    try:
        answer = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:  # not installed
        return ''
    return answer.stdout.strip() if answer.returncode == 0 else ''
