"""What a person sees of a step."""

import numpy as np
import torch

from mono_depth_ros.training.callbacks.pictures import color_pictures
from mono_depth_ros.training.losses.step_result import StepImages


def draw(disparity):
    target = torch.zeros(3, 8, 12)
    target[0] = 1.0
    mask = torch.zeros(1, 8, 12)
    mask[:, :, 3:] = 1
    return color_pictures(StepImages(target, 0.5 * target, disparity, mask), 0.1, 100.0)


def test_images_are_rgb_and_the_mask_is_white_where_the_pixel_is_trained_on():
    pictures = draw(torch.rand(1, 8, 12))

    assert {name: p.shape for name, p in pictures.items()} == dict.fromkeys(
        ('target', 'warped', 'disparity', 'mask'), (8, 12, 3)
    )
    assert pictures['target'][0, 0].tolist() == [255, 0, 0]
    assert pictures['warped'][0, 0].tolist() == [128, 0, 0]
    assert pictures['mask'][0, 2:4].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_near_is_red_and_far_is_dark_blue():
    disparity = torch.full((1, 8, 12), 0.001)
    disparity[:, 4:] = 0.1

    far, near = draw(disparity)['disparity'][[0, -1], 0].astype(int)

    assert near[0] > near[2] and far[2] > far[0]


def test_a_flat_disparity_and_half_precision_can_be_drawn():
    disparity = draw(torch.full((1, 8, 12), 0.25, dtype=torch.bfloat16))['disparity']

    assert len(np.unique(disparity.reshape(-1, 3), axis=0)) == 1
