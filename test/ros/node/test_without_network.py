"""The node reaches for nothing beyond this machine, and works with the network taken away."""

import os
import subprocess
import sys

import pytest
from installation import ROOT

OFFLINE = ROOT / 'test' / 'support' / 'offline.py'
NAMESPACE = ['unshare', '--map-root-user', '--net']


def can_leave_the_network() -> bool:
    try:
        return subprocess.run([*NAMESPACE, 'true'], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def test_the_default_card_becomes_depth_without_a_network_and_without_caches(tmp_path):
    log, home = tmp_path / 'node.log', tmp_path / 'home'
    home.mkdir()
    namespace = NAMESPACE if can_leave_the_network() else []

    done = subprocess.run(
        [*namespace, sys.executable, str(OFFLINE), str(log)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {'HOME': str(home), 'XDG_CACHE_HOME': str(home)},
    )

    assert done.returncode == 0, done.stdout + done.stderr + log.read_text(encoding='utf-8')
    assert 'NETWORK' not in log.read_text(encoding='utf-8')
    if not namespace:
        pytest.skip('no network namespaces here: only what Python asked for was watched')
    assert done.stdout.split() == ['interfaces', 'lo']
