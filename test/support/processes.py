"""Processes under test: in a session of their own, their output kept, ended in every case."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from forking import start_forked


class PythonProcess:
    """Run Python with arguments; its output is kept for the tests to read."""

    patience = 120.0

    def __init__(
        self, log: Path, arguments: list[str], environment: dict[str, str], *, fresh: bool = True
    ) -> None:
        """Start it.

        Args:
            log: gets what it prints.
            arguments: of the interpreter.
            environment: on top of the tests' own.
            fresh: a new interpreter; False takes a copy of one that has imported its libraries.
        """
        self.log_file = log
        environment = os.environ | {'ROS_LOG_DIR': str(log.parent)} | environment
        if not fresh:
            self.process = start_forked(arguments, log, environment)
            return
        with log.open('w') as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )

    def log(self) -> str:
        return self.log_file.read_text(encoding='utf-8')

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End the process as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def shared_memory(self) -> set[Path]:
        """Return the segments of the middleware that this process owns, as it has their lock.

        Not its ports: whoever has sent to one keeps it, and the last process removes it.
        """
        owned = set()
        for descriptor in Path(f'/proc/{self.process.pid}/fd').iterdir():
            with suppress(FileNotFoundError):
                file = descriptor.readlink()
                if re.fullmatch(r'/dev/shm/fast\w+_[0-9a-f]{16}_el', str(file)):
                    owned |= {file, Path(str(file).removesuffix('_el'))}
        return owned

    def stop(self) -> int:
        """Interrupt the whole session as Ctrl-C would; nothing is left behind."""
        if self.alive():
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(timeout=self.patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
