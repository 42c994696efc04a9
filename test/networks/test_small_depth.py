import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.layers.blocks import GrowingDrop
from mono_depth_ros.networks.small_depth import (
    DoubleScaleResidual,
    SparseDownsample,
    SparseUpsample,
)


def drops(network):
    return [module for module in network.modules() if isinstance(module, GrowingDrop)]


def test_no_wide_filter_joins_channels_but_the_stem_and_the_heads():
    convs = [
        name
        for name, module in create_network('small_depth').named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1) and module.groups == 1
    ]

    assert convs == ['encoder.stages.0.0.context.0', *(f'heads.{i}.conv' for i in range(3))]


def test_six_blocks_sit_at_an_eighth_and_below():
    stages = create_network('small_depth').encoder.stages

    assert [len(stage) - 1 for stage in stages] == [0, 0, 2, 1, 3]


def test_block_is_a_residual():
    block = DoubleScaleResidual(4, drop_rate=0.0).eval()
    nn.init.zeros_(block.project[1].weight)
    x = torch.rand(1, 4, 6, 6)

    torch.testing.assert_close(block(x), x)


def test_block_sees_near_and_dilated_context():
    block = DoubleScaleResidual(1, drop_rate=0.0).eval()
    for parameter in block.parameters():
        nn.init.constant_(parameter, 0.1)
    x = torch.ones(1, 1, 1, 21, requires_grad=True)

    block(x)[0, 0, 0, 10].backward()

    seen = x.grad[0, 0, 0].nonzero().flatten() - 10
    assert seen.tolist() == [-4, -2, -1, 0, 1, 2, 4]


def test_downsampling_keeps_its_channels_when_the_context_drops():
    step = SparseDownsample(2, 4, drop_rate=0.999).train()
    x = torch.rand(2, 2, 4, 4)
    step.drop.progress = 1.0  # drops practically always

    torch.testing.assert_close(step(x), nn.functional.hardswish(step.channel(x)))


def test_upsampling_doubles_to_the_wanted_width():
    assert SparseUpsample(8, 4)(torch.rand(2, 8, 2, 3)).shape == (2, 4, 4, 6)


def test_drop_removes_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = GrowingDrop(0.75).train()
    drop.progress = 1.0

    y = drop(torch.ones(4000, 2, 3, 3)).flatten(1)

    assert set(y.unique().tolist()) == {0.0, 4.0}
    assert (y == y[:, :1]).all()  # a sample is kept or dropped as one
    assert y.mean().item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(('progress', 'training'), [(0.0, True), (1.0, False)])
def test_drop_passes_everything_at_the_start_and_in_eval(progress, training):
    drop = GrowingDrop(0.9).train(training)
    drop.progress = progress
    x = torch.rand(8, 1, 2, 2)

    assert drop(x) is x


def test_training_progress_and_rates_reach_every_drop():
    network = create_network('small_depth', block_drop=0.8, down_drop=0.2)

    network.set_training_progress(0.5)

    rates = [drop.highest_rate * drop.progress for drop in drops(network)]
    assert sorted(rates) == [0.1] * 5 + [0.4] * 6


def test_drops_do_nothing_once_deployed():
    network = create_network('small_depth')
    network.set_training_progress(1.0)

    deployed = network.deploy()
    image = torch.rand(1, 3, 64, 96)

    assert torch.equal(deployed(image), deployed(image))


@pytest.mark.parametrize('progress', [-0.1, 1.5])
def test_progress_outside_0_to_1_is_refused(progress):
    with pytest.raises(ValueError, match=r'expected 0 to 1\. Pass step / total steps'):
        create_network('small_depth').set_training_progress(progress)


@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_drop_rate_that_leaves_nothing_is_refused(rate):
    with pytest.raises(ValueError, match='expected 0 to below 1'):
        create_network('small_depth', block_drop=rate)
