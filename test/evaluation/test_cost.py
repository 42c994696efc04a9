"""Costs are measured on a network that behaves like a trained one."""

import pytest
import torch
from torch import nn
from virtual_time import VirtualTime

from mono_depth_ros.evaluation.cost import measure_latency, untrained_network

SIZE = (64, 96)


class Clockwork(nn.Module):
    """Waits for the given milliseconds, one after the other, and notes the threads."""

    def __init__(self, *milliseconds, computing=0.0, time=None):
        super().__init__()
        self.milliseconds, self.threads = list(milliseconds), []
        self.computing, self.time = computing, time or VirtualTime()

    def forward(self, image):
        assert image.shape == (1, 3, *SIZE)
        self.threads.append(torch.get_num_threads())
        self.time.sleep(self.milliseconds.pop(0) / 1e3)
        self.time.compute(self.computing / 1e3)


@pytest.fixture
def virtual_time(monkeypatch):
    time = VirtualTime()
    monkeypatch.setattr('mono_depth_ros.evaluation.cost.time', time)
    return time


def test_latency_is_the_median_without_the_first_run(virtual_time):
    network = Clockwork(90, 1, 30, 200, time=virtual_time)

    latency = measure_latency(network, SIZE, threads=1, repetitions=3)

    assert latency.wall_ms == pytest.approx(30)


def test_cpu_time_leaves_out_what_the_process_waits_for(virtual_time):
    network = Clockwork(0, 60, computing=20, time=virtual_time)

    latency = measure_latency(network, SIZE, threads=1, repetitions=1)

    assert latency == pytest.approx((80, 20))


@pytest.mark.parametrize('milliseconds', [(0, 0), (0,)])
def test_threads_are_set_for_the_measurement_only(milliseconds):
    before = torch.get_num_threads()
    network = Clockwork(*milliseconds)

    try:
        measure_latency(network, SIZE, threads=before + 1, repetitions=1)
    except IndexError:  # the second network fails in its second run
        assert len(milliseconds) == 1

    assert network.threads[0] == before + 1 and torch.get_num_threads() == before


@pytest.mark.parametrize(
    ('threads', 'repetitions', 'message'),
    [(0, 1, 'threads is 0; expected 1 or more'), (1, 0, 'repetitions is 0; expected 1 or more')],
)
def test_nothing_cannot_be_measured(threads, repetitions, message):
    with pytest.raises(ValueError, match=message):
        measure_latency(Clockwork(), SIZE, threads, repetitions)


def test_an_untrained_network_keeps_its_activations_alive():
    network = untrained_network('small_depth', SIZE)

    with torch.no_grad():
        deepest = network.encode(torch.rand(1, 3, *SIZE))[-1]

    assert not network.training
    assert deepest.std() > 0.1  # 0.006 where batch norms do not fit the weights
