"""The machine: what it is, and how a process that only calculates makes the most of it."""

import ctypes
import platform
from pathlib import Path

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def processor_name() -> str:
    """Return the processor's name; Linux has it in a file, others tell the platform module."""
    information = Path('/proc/cpuinfo')
    if information.is_file():
        for line in information.read_text(encoding='utf-8').splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def keep_freed_memory() -> None:
    """Let a process that calculates all the time keep the memory that it frees.

    glibc gives large arrays back to the system at once, which clears every page when the next
    array needs it: for every layer of every step of a training. Other C libraries stay as they
    are.
    """
    if platform.libc_ver()[0] == 'glibc':
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)
