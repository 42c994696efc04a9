"""Networks whose answers are known, samples by hand, and the objective between them."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from mono_depth_ros.datasets.sample import TrainingSample
from mono_depth_ros.geometry.disparity import depth_to_disparity
from mono_depth_ros.networks.base import DepthOutput
from mono_depth_ros.training.config.schema import AugmentationConfig, LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.losses.objective import Objective
from mono_depth_ros.training.losses.teacher import TeacherOutput

SIZE = (24, 40)
FOCAL = 100.0
K = np.array([[FOCAL, 0, 19.5], [0, FOCAL, 11.5], [0, 0, 1]])
PLAIN = AugmentationConfig(flip=0.0, jitter=0.0)
# Absolute differences, nothing left out: numbers that a hand can follow.
BARE = LossConfig(levels=1, ssim=0.0, auto_mask=False, smoothness=0.0)


class KnownDepth(nn.Module):
    """Gives the same depth for every pixel of every image, at so many levels."""

    def __init__(self, depth, levels=1, min_depth=0.1, max_depth=100.0):
        super().__init__()
        disparity = depth_to_disparity(torch.tensor(float(depth)), min_depth, max_depth)
        self.value, self.levels = nn.Parameter(disparity), levels

    def forward(self, image):
        size = [len(image), 1, *image.shape[2:]]
        disparities = [
            self.value.expand(*size[:2], size[2] >> level, size[3] >> level)
            for level in range(self.levels)
        ]
        return DepthOutput(disparities, []) if self.training else disparities[0]

    def set_training_progress(self, progress):
        """Nothing here depends on it."""


class KnownTeacher:
    """Teaches the same depth for every pixel."""

    def __init__(self, depth):
        self.network = KnownDepth(depth).eval().requires_grad_(False)

    def output(self, image, K, height):
        assert K.shape == (len(image), 3, 3)
        return TeacherOutput([], [], [self.network(image)], height)


class KnownMotion(nn.Module):
    """Always sees the camera move the same way."""

    def __init__(self, *translation):
        super().__init__()
        self.translation = nn.Parameter(torch.tensor(translation))

    def forward(self, first, second):
        motion = torch.cat([torch.zeros(3), self.translation])
        return motion.expand(len(first), 6)


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


def flat(value):
    return np.full((*SIZE, 3), value, np.uint8)


def moved(x=0.0, y=0.0, z=0.0):
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def sample(target, *sources, **more):
    return TrainingSample(target, sources, more.pop('K', K), 'by hand', **more)


def batch_of(*samples, multi_resolution=False):
    data = AugmentedData(list(samples), SIZE, PLAIN, 0, multi_resolution)
    samples = [data[SampleIndex(0, index, index)] for index in range(len(samples))]
    return collate(samples).to(torch.device('cpu'))


def objective(depth=10.0, motion=None, loss=BARE, teacher=None, levels=1, **changes):
    config = replace(TrainConfig(loss=loss), **changes)
    return Objective(KnownDepth(depth, levels), motion, config, FOCAL, teacher).train()
