"""The reprojection loss's value and gradient are those of the plain formula."""

import numpy as np
import pytest
import torch
from known_views import SIZE, batch_of, moved, noise, sample

from mono_depth_ros.datasets.sample import Source
from mono_depth_ros.training.config.schema import LossConfig
from mono_depth_ros.training.losses.photometric import reprojection_loss
from mono_depth_ros.training.losses.terms import ReprojectionError
from mono_depth_ros.training.losses.view_synthesis import warp_to_target

TWO = sample(noise(0), Source(noise(1), -1, moved(x=-0.2)), Source(noise(2), 1, moved(x=0.3)))
THREE = sample(
    noise(3), *(Source(noise(number), 1, moved(x=0.1 * number)) for number in (4, 5, 6))
)
SAME = sample(noise(7), *[Source(noise(8), 1, moved(x=0.2))] * 2)


def plain_loss(batch, depth, motion, within, still=None):
    """Return the loss of a batch, one sample and one source after the other, left to autograd."""
    losses = []
    for place, target in enumerate(batch.target):
        least = torch.tensor(torch.inf) if still is None else still[place]
        for source in (batch.sample_of == place).nonzero()[:, 0].tolist():
            warped = warp_to_target(
                batch.source[source : source + 1],
                depth[place],
                batch.K[place : place + 1],
                motion[source : source + 1],
            )
            least = torch.minimum(ReprojectionError(target[None])(warped)[0], least)
        losses.append((least * within[place]).sum() / within[place].sum())
    return torch.stack(losses)


@pytest.mark.parametrize(
    'samples',
    [(TWO, TWO), (TWO, THREE), (SAME,)],
    ids=['as many sources each', 'more or fewer', 'the same twice'],
)
def test_value_and_gradient_are_those_of_the_least_error(samples):
    batch = batch_of(*samples)
    generator = torch.Generator().manual_seed(0)
    depth = (5 + 10 * torch.rand(len(samples), 1, *SIZE, generator=generator)).requires_grad_()
    motion = batch.pose.float().requires_grad_()
    within = (torch.rand(len(samples), 1, *SIZE, generator=generator) > 0.3).float()

    loss, _ = reprojection_loss(batch, [depth], motion, within, LossConfig(auto_mask=False))
    plain = plain_loss(batch, depth, motion, within)

    torch.testing.assert_close(loss, plain)
    for found, expected in zip(
        torch.autograd.grad(loss.sum(), (depth, motion)),
        torch.autograd.grad(plain.sum(), (depth, motion)),
    ):
        torch.testing.assert_close(found, expected)


def test_where_standing_still_explains_more_there_is_no_gradient():
    # The source is the target itself to the left of the middle, and moved to its right.
    target = noise(0)
    source = np.concatenate([target[:, :20], np.roll(target, -2, axis=1)[:, 20:]], axis=1)
    batch = batch_of(sample(target, Source(source, 1, moved(x=-0.2))))
    depth = torch.full((1, 1, *SIZE), 10.0, requires_grad=True)

    loss, seen = reprojection_loss(
        batch, [depth], batch.pose.float(), torch.ones(1, 1, *SIZE), LossConfig(ssim=0.0)
    )
    loss.sum().backward()

    assert (seen.mask[..., 2:20] == 0).all() and (seen.mask[..., 22:-2] == 1).all()
    assert (depth.grad[..., 2:20] == 0).all() and (depth.grad[..., 22:-2] != 0).any()
