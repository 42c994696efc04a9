"""What a process that calculates all the time asks of its machine."""

import platform
import subprocess
import sys

import pytest

# Ten arrays of 64 MB, each filled once and freed; prints how many pages had to be cleared for it.
ARRAYS = """
import resource, sys
import numpy as np
from mono_depth_ros.machine import keep_freed_memory
if sys.argv[1] == 'keep':
    keep_freed_memory()
np.full(1 << 26, 1, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.full(1 << 26, 1, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def cleared_pages(way: str) -> int:
    done = subprocess.run(
        [sys.executable, '-c', ARRAYS, way], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_freed_memory_is_kept_for_the_next_array():
    assert cleared_pages('keep') < 0.1 * cleared_pages('give back')
