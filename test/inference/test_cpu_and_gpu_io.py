"""Images in and depth out: on the GPU as OpenCV has it on the CPU (tested here on the CPU)."""

import cv2
import numpy as np
import pytest
import torch

from mono_depth_ros.geometry.disparity import disparity_to_depth, inverse_depth_line
from mono_depth_ros.inference import cpu_io, gpu_io
from mono_depth_ros.inference.backends.gate import gate_images

SIZES = [
    ((192, 640), (64, 96)),
    ((75, 111), (64, 96)),
    ((40, 50), (64, 96)),
    ((75, 50), (64, 96)),
    ((64, 96), (64, 96)),
]


@pytest.mark.parametrize(('from_size', 'to_size'), SIZES)
def test_images_are_resized_as_opencv_does(from_size, to_size):
    image = cv2.resize(gate_images()[0], from_size[::-1])
    ours, theirs = (torch.zeros(2, *to_size, 3, dtype=torch.uint8) for _ in range(2))

    gpu_io.load([image], ours)
    cpu_io.load([image], theirs)

    difference = (ours.int() - theirs.int()).abs()
    # OpenCV interpolates in fixed point, so that some pixels are rounded the other way.
    assert difference.max() <= 1 and (difference > 0).float().mean() < 0.1
    assert not ours[1].any() and not theirs[1].any()


def test_depth_comes_at_every_cameras_size_with_its_own_factor():
    disparity = torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(0))
    sizes = [(16, 30), (5, 7)]
    offset, slope = inverse_depth_line(0.1, 100.0)
    lines = [(offset / factor, slope / factor) for factor in (1.0, 2.5)]

    ours = gpu_io.unload(disparity, sizes, lines)
    theirs = cpu_io.unload(disparity, sizes, lines)

    for index, factor in enumerate((1.0, 2.5)):
        resized = cv2.resize(disparity[index].numpy(), sizes[index][::-1])
        expected = factor * disparity_to_depth(resized, 0.1, 100.0)
        for found in (ours[index], theirs[index]):
            assert found.dtype == np.float32 and found.flags.writeable
            assert np.allclose(found, expected, rtol=1e-5)
