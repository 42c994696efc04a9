import mmap
import os
import time
from pathlib import Path

import pytest

from mono_depth_ros.demo.processes import (
    Child,
    free_domain,
    isolated_environment,
)
from mono_depth_ros.ros.fastdds import profile_variable

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.environ['COLOUR'], flush=True)
time.sleep(60)
"""

MAPPER = """
import mmap
files = [open(path, 'rb') for path in ({0!r}, {1!r})]
kept = [mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) for file in files]
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(tmp_path), prepend=os.pathsep)

    def run(source):
        (tmp_path / 'child_program.py').write_text(source)
        return Child('child_program', [], {'COLOUR': 'green'}, tmp_path / 'child.log')

    return run


def wait_for(condition, timeout=10.0):
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_child_that_ignores_every_request_is_ended_all_the_same(start):
    child = start(STUBBORN)
    assert wait_for(lambda: child.log_tail() == 'green')

    child.stop(patience=0.2)

    assert child.exit_code == -9


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='there is no /dev/shm')
def test_a_killed_child_s_shared_memory_goes_but_not_what_others_use(start):
    own, ours = (Path(f'/dev/shm/test_fastdds_{os.getpid()}{end}') for end in ('own', 'ours'))
    for path in (own, ours):
        path.write_bytes(bytes(4096))
    try:
        with ours.open('rb') as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
            child = start(MAPPER.format(str(own), str(ours)) + STUBBORN)
            assert wait_for(lambda: child.log_tail() == 'green')
            child.stop(patience=0.2)
        assert not own.exists() and ours.exists()
    finally:
        own.unlink(missing_ok=True)
        ours.unlink(missing_ok=True)


def test_an_interrupt_lets_a_child_clean_up(start):
    child = start(
        'import time\nprint("up", flush=True)\n'
        'try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print("cleaned up")'
    )
    assert wait_for(lambda: child.log_tail() == 'up')

    child.stop()

    assert child.exit_code == 0 and child.log_tail(1) == 'cleaned up'


def test_stopping_a_child_that_has_ended_changes_nothing(start):
    child = start('raise SystemExit(3)')
    assert wait_for(lambda: child.exit_code is not None)

    child.stop()

    assert child.exit_code == 3


def test_the_processes_share_a_domain_of_this_machine_and_the_profile(monkeypatch):
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        monkeypatch.delenv(name, raising=False)

    environment = isolated_environment(42)

    assert environment['ROS_DOMAIN_ID'] == '42'
    assert environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert Path(environment[profile_variable()]).read_text().startswith('<?xml')


def test_a_profile_that_the_user_chose_is_kept(monkeypatch):
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/my/profile.xml')

    assert not [name for name in isolated_environment(42) if name.endswith('PROFILES_FILE')]


def test_the_domain_is_one_that_every_system_can_use():
    assert 1 <= free_domain() <= 100
