import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from mono_depth_ros.inference.backends import cache


@pytest.fixture
def made():
    """How often the content was made, and how to make it."""
    calls: list[int] = []

    def make() -> bytes:
        calls.append(1)
        return b'engine'

    return calls, make


def test_the_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache.cache_folder() == tmp_path / 'mono_depth_ros'

    for ignored in ('', 'relative/path'):  # as the XDG specification says
        monkeypatch.setenv('XDG_CACHE_HOME', ignored)
        assert cache.cache_folder() == Path.home() / '.cache' / 'mono_depth_ros'


def test_an_entry_is_made_once_and_leaves_no_other_file(tmp_path, made):
    calls, make = made
    path = tmp_path / 'folder' / 'entry'

    assert [cache.cached(path, make, print) for _ in range(2)] == [b'engine'] * 2
    assert len(calls) == 1 and [file.name for file in path.parent.iterdir()] == ['entry']


@pytest.mark.parametrize('damage', [b'', b'short', bytes(100)])
def test_a_damaged_entry_is_made_anew_and_named(tmp_path, made, damage):
    calls, make = made
    path = tmp_path / 'entry'
    path.write_bytes(damage)
    said: list[str] = []

    assert cache.cached(path, make, said.append) == b'engine'
    assert cache.read_entry(path) == b'engine' and len(calls) == 1
    assert said == [f"cache: '{path}' is damaged, it is made anew"]


def test_one_flipped_bit_is_damage(tmp_path):
    path = tmp_path / 'entry'
    cache.write_entry(path, b'engine')
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert cache.read_entry(path) is None


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / 'entry'
    cache.write_entry(path, b'engine')

    def fail(handle: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='No space left'):
        cache.write_entry(path, b'another')

    assert cache.read_entry(path) == b'engine'
    assert [file.name for file in tmp_path.iterdir()] == ['entry']


def test_a_folder_that_cannot_be_written_to_is_named_and_is_no_failure(tmp_path, made):
    (tmp_path / 'file').write_text('no folder')
    said: list[str] = []

    assert cache.cached(tmp_path / 'file' / 'entry', made[1], said.append) == b'engine'
    assert 'cannot keep' in said[0]


def test_an_entry_is_for_all_of_its_key(tmp_path):
    key = {'weights': 'a', 'size': (64, 96), 'batch': 1}
    paths = {
        cache.entry_path(tmp_path, 'x', key | change)
        for change in ({}, {'weights': 'b'}, {'size': (96, 64)}, {'batch': 2})
    }

    assert len(paths) == 4 and cache.entry_path(tmp_path, 'x', dict(key)) in paths


def test_a_fingerprint_is_that_of_the_weights():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)

    assert cache.fingerprint(first) != cache.fingerprint(second)
    second.load_state_dict(first.state_dict())
    assert cache.fingerprint(first) == cache.fingerprint(second)


@pytest.mark.slow
def test_no_library_starts_to_report_about_its_user(tmp_path):
    """Telemetry begins with an identifier in the home or in the cache folder."""
    code = (
        'from mono_depth_ros.inference.backends.onnx_runtime import quiet_onnxruntime as ort\n'
        'from mono_depth_ros.inference.backends.open_vino import quiet_openvino as openvino\n'
        'ort()\n'
    )
    if importlib.util.find_spec('openvino') is not None:
        code += 'openvino().Core()\n'
    environment = os.environ | {'HOME': str(tmp_path), 'XDG_CACHE_HOME': str(tmp_path / 'cache')}
    environment.pop('ORT_DISABLE_TELEMETRY', None)

    subprocess.run([sys.executable, '-c', code], env=environment, check=True)

    assert list(tmp_path.iterdir()) == []
