"""What the machine is, for everything that quotes a speed."""

import platform
from pathlib import Path


def processor_name() -> str:
    """Return the processor's name; Linux has it in a file, others tell the platform module."""
    information = Path('/proc/cpuinfo')
    if information.is_file():
        for line in information.read_text(encoding='utf-8').splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
