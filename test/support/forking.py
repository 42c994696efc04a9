"""Start Python programs as copies of one process that has imported their libraries.

Importing PyTorch and timm takes seconds of CPU time, and the tests start some hundred processes.
A copy begins where `python -m module` stands once its imports are done.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any


class ForkedProcess:
    """A running program, with what tests use of subprocess.Popen."""

    def __init__(self, pid: int, code_file: Path) -> None:
        self.pid = pid
        self._code_file = code_file

    def poll(self) -> int | None:
        """Return the exit code, minus the signal's number of a killed one; None while it runs."""
        with suppress(FileNotFoundError):
            return int(self._code_file.read_text())
        return None

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(f'process {self.pid}', timeout or 0)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_forked(arguments: list[str], log: Path, environment: dict[str, str]) -> ForkedProcess:
    """Start `python` with arguments (-m module …, or a script …) in a session of its own.

    Args:
        arguments: of the interpreter.
        log: gets standard output and errors.
        environment: all of the program's.
    """
    code_file = Path(f'{log}.exit_code')
    code_file.unlink(missing_ok=True)
    log.write_text('')
    server = _server()
    request = {'arguments': arguments, 'log': str(log), 'code_file': str(code_file)}
    server.stdin.write(json.dumps(request | {'environment': environment}) + '\n')
    server.stdin.flush()
    return ForkedProcess(int(server.stdout.readline()), code_file)


@lru_cache
def _server() -> Any:
    server = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def close() -> None:
        server.stdin.close()
        server.wait()

    atexit.register(close)
    return server


def _serve() -> None:
    """Fork a program per request, and tell its process id; one guardian each notes how it ends."""
    _import_libraries()
    guardians = set()
    for line in sys.stdin:
        guardians = {pid for pid in guardians if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        guardian = os.fork()
        if guardian == 0:
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                return _become(request)
            _guard(pid, request)
        guardians.add(guardian)
    for pid in guardians:
        os.waitpid(pid, 0)


def _import_libraries() -> None:
    # As cli/depth_node.py sets them before its imports.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    os.environ.setdefault('OPENCV_LOG_LEVEL', 'ERROR')
    import cv2  # noqa: F401
    import timm  # noqa: F401
    import torch  # noqa: F401

    # Not rclpy: its libraries must be loaded, and so unloaded, by the program itself.
    with suppress(ImportError):
        import lightning_fabric  # noqa: F401


def _guard(pid: int, request: dict[str, Any]) -> None:
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    unfinished = Path(request['code_file'] + '.new')
    unfinished.write_text(str(os.waitstatus_to_exitcode(status)))
    unfinished.rename(request['code_file'])
    os._exit(0)


def _become(request: dict[str, Any]) -> None:
    """Run the program as `python` would: the end of it is the end of this process."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(request['log'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(request['environment'])
    if request['arguments'][0] == '-m':
        _, module, *sys.argv[1:] = request['arguments']
        runpy.run_module(module, run_name='__main__', alter_sys=True)
    else:
        sys.argv[:] = request['arguments']
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name='__main__')


if __name__ == '__main__':
    _serve()
