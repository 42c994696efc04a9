"""Whoever looks on must not hold the training up."""

import io
import time

import pytest
import torch

from mono_depth_ros.training.callbacks.base import StepRecord
from mono_depth_ros.training.callbacks.progress import ProgressWatcher
from mono_depth_ros.training.callbacks.report import ReportWatcher
from mono_depth_ros.training.callbacks.tensorboard import TensorBoardWatcher
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.objective import Panels

STEPS = 3000
# 1 % of a step of 20 ms, which is a fast one.
LIMIT = 2e-4  # [s]


@pytest.mark.parametrize(
    'make', [TensorBoardWatcher, ReportWatcher, lambda folder: ProgressWatcher(io.StringIO())]
)
def test_a_step_costs_a_watcher_little(tmp_path, make):
    panels = Panels(
        torch.rand(3, 192, 640),
        torch.rand(3, 192, 640),
        torch.rand(1, 192, 640),
        torch.ones(1, 192, 640),
    )
    terms = dict.fromkeys(('photometric', 'smoothness', 'reprojection', 'identity'), 0.1)
    records = [
        StepRecord(step, STEPS, 0.1, terms, 1e-4, 12, 0.1, 0.01, panels)
        for step in range(1, STEPS + 1)
    ]
    watcher = make(tmp_path)
    watcher.on_start(TrainConfig(output=str(tmp_path)), 0, STEPS, 100)

    begun = time.thread_time()
    for record in records:
        watcher.on_step(record)
    spent = time.thread_time() - begun

    watcher.close()
    assert spent / STEPS < LIMIT
