"""The demo's processes: their environment, their logs, and their end in every case."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mono_depth_ros.ros.fastdds import profile_environment

_FIRST_PORT, _PORTS_PER_DOMAIN, _UNICAST_OFFSET = 7400, 250, 10


def isolated_environment(domain: int) -> dict[str, str]:
    """Return the variables that keep the demo's processes among themselves on this machine."""
    return {
        'ROS_DOMAIN_ID': str(domain),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        # Waiting OpenMP threads would spin on the cores that the other processes need.
        'OMP_WAIT_POLICY': os.environ.get('OMP_WAIT_POLICY', 'PASSIVE'),
        **profile_environment(),
    }


def free_domain() -> int:
    """Return a ROS domain, beyond those that people choose, that nobody uses on this machine."""
    candidates = random.sample(range(61, 101), 40)
    for domain in candidates:
        port = _FIRST_PORT + _PORTS_PER_DOMAIN * domain + _UNICAST_OFFSET
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.bind(('', port))
            return domain
    raise OSError('All ROS domains from 61 to 100 are in use. Name one: --domain-id.')


class Child:
    """A Python module that runs in a process and session of its own.

    Args:
        module: the module to run with `python -m`.
        arguments: its command line.
        environment: variables to set beside the inherited ones.
        log: file that takes its output.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self.log = log
        with log.open('w') as output:
            self._process = subprocess.Popen(
                [sys.executable, '-m', module, *arguments],
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the log."""
        return '\n'.join(self.log.read_text(errors='replace').splitlines()[-lines:])

    def stop(self, patience: float = 10.0) -> None:
        """End the process and its children, gently at first.

        Args:
            patience: how long to wait after an interrupt, and again after a termination [s].
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            if self.exit_code is not None:
                return
            self._signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        if self.exit_code is None:
            shared = _shared_memory_of(str(self._process.pid))
            self._signal(signal.SIGKILL)
            self._process.wait()
            for file in shared - _shared_memory_of('[0-9]*'):
                file.unlink(missing_ok=True)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _shared_memory_of(processes: str) -> set[Path]:
    """List the shared memory that Fast DDS mapped into processes; killed ones leave it behind.

    Args:
        processes: glob pattern of their ids; those that are not ours to read are left out.
    """
    found = set()
    for maps in Path('/proc').glob(f'{processes}/maps'):
        with suppress(OSError):
            found |= set(re.findall(r'/dev/shm/\S*fast\w+', maps.read_text()))
    return {Path(name) for name in found}
