"""The first line of every benchmark: when, on what, of which commit."""

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def headline(*packages: str) -> str:
    """Return date, hardware, load, versions of packages, commit."""
    versions = ', '.join(f'{name} {installed(name)}' for name in packages)
    load = os.getloadavg()[0]
    return (f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} x {processor()}, '
            f'load {load:.1f}, {versions}{", " if versions else ""}commit {commit()}')


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return 'not installed'


def commit() -> str:
    answer = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=Path(__file__).parent,
                            capture_output=True, text=True, check=False)
    return answer.stdout.strip() or 'unknown'


def processor() -> str:
    information = Path('/proc/cpuinfo')
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':')[1].strip()
    return platform.processor() or platform.machine()
