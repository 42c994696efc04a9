"""Nodes to test: one of a test's own, or one long-lived one that is taken through its states."""

import gc
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec('rclpy') is None:
    collect_ignore_glob = ['test_*.py', '*/test_*.py']

    def pytest_report_header() -> str:
        return 'test/ros is skipped: rclpy is not installed'
else:
    from domains import next_domain, session_domain
    from ros_harness import DEFAULTS, CameraProcess, NodeProcess, Probe, write_constant_card


def pytest_sessionfinish() -> None:
    """Let go of the probes' middleware, which rclpy holds in circles, and its shared memory."""
    gc.collect()


Start = Callable[..., tuple['Probe', 'NodeProcess']]


@pytest.fixture
def start_node(tmp_path: Path, constant_card: Path) -> Iterator[Start]:
    """Start nodes of a test's own: start_node('-p', 'model:=…') -> (probe, process)."""
    started: list[tuple[Probe, NodeProcess]] = []

    def start(
        *arguments: str, model: str = '', fresh: bool = False
    ) -> tuple['Probe', 'NodeProcess']:
        domain = next_domain()
        log = tmp_path / f'node{len(started)}.log'
        given = ['-p', f'model:={model or constant_card}', '-p', 'threads:=1', *arguments]
        started.append((Probe(domain), NodeProcess(domain, log, given, fresh=fresh)))
        return started[-1]

    yield start
    ends = []
    for probe, process in started:
        ends.append((process.stop(), process.log()))
        probe.close()
    assert all(code == 0 for code, _ in ends), ends


@pytest.fixture(scope='session')
def shared_process(
    tmp_path_factory: pytest.TempPathFactory, constant_card: Path
) -> Iterator[tuple['Probe', 'NodeProcess']]:
    domain = session_domain()
    process = NodeProcess(
        domain,
        tmp_path_factory.mktemp('node') / 'node.log',
        ['-p', f'model:={constant_card}', '-p', 'threads:=1', '-p', 'autostart:=false'],
    )
    probe = Probe(domain)
    yield probe, process
    code = process.stop()
    probe.close()
    assert code == 0, process.log()


@pytest.fixture
def configured(
    shared_process: tuple['Probe', 'NodeProcess'], constant_card: Path
) -> Iterator[Callable[..., 'Probe']]:
    """Take one long-lived node through its lifecycle: configured(depth_scale=2.0) -> probe."""
    probe, process = shared_process
    assert process.alive(), process.log()

    def configure(**parameters: Any) -> Probe:
        values = DEFAULTS | {'model': str(constant_card)} | parameters
        assert probe.set_parameters(**values) == []
        assert probe.transition('configure'), process.log()
        assert probe.transition('activate'), process.log()
        return probe

    yield configure
    probe.stop_listening()
    probe.stop_publishing()
    if probe.state() == 'active':
        probe.transition('deactivate')
    if probe.state() == 'inactive':
        probe.transition('cleanup')


@pytest.fixture
def start_camera(tmp_path: Path) -> Iterator[Callable[..., 'CameraProcess']]:
    """Start cameras in processes of their own: start_camera(domain, size, rate)."""
    started: list[CameraProcess] = []

    def start(
        domain: int, size: tuple[int, int] = (48, 96), rate: float = 30.0, **environment: str
    ) -> 'CameraProcess':
        log = tmp_path / f'camera{len(started)}.log'
        started.append(CameraProcess(domain, log, size, rate, **environment))
        return started[-1]

    yield start
    for camera in started:
        camera.stop()


@pytest.fixture(scope='session')
def constant_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a relative card whose network says disparity 0.5 everywhere: head weights are zero."""
    return write_constant_card(tmp_path_factory.mktemp('constant'))
