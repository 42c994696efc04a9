"""What holds for every network, whatever its paper; conftest.py builds them one after another."""

import io
import socket
from copy import deepcopy

import onnxruntime
import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.layers.blocks import ElementDrop, GrowingDrop
from mono_depth_ros.networks.layers.reparam import EquivalentConv, load_plain_weights

# Sampling at offsets turns the last digit of a coordinate into more of a value.
EXPORTED = {'lka_depth': 1e-3}


def exported_tolerance(name):
    return {'atol': EXPORTED.get(name, 1e-4), 'rtol': 0}


def equivalent_convs(network):
    return [module for module in network.modules() if isinstance(module, EquivalentConv)]


def freeze_batch_norms(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@pytest.mark.parametrize('size', [(64, 64), (64, 96), (96, 64)], ids=str)
def test_levels_halve_from_the_input_size(in_training, size):
    with torch.no_grad():
        output = in_training(torch.rand(2, 3, *size))

    shapes = [tuple(disparity.shape) for disparity in output.disparities]
    assert shapes == [
        (2, 1, size[0] >> level, size[1] >> level) for level in range(len(output.disparities))
    ]


def test_eval_returns_one_disparity_of_the_input_size(built_once):
    with torch.no_grad():
        disparity = built_once(torch.rand(1, 3, 64, 96))

    assert disparity.shape == (1, 1, 64, 96)


def test_decoder_features_come_finest_first(in_training):
    with torch.no_grad():
        output = in_training(torch.rand(2, 3, 64, 64))

    heights = [feature.shape[2] for feature in output.features]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == 64


def test_every_parameter_gets_a_gradient(network):
    output = network.train()(torch.rand(2, 3, 64, 96))
    sum(disparity.mean() for disparity in output.disparities).backward()

    assert [key for key, value in network.named_parameters() if value.grad is None] == []


def test_eval_equals_level_0_of_the_train_graph_with_frozen_batch_norms(network):
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = network(image)
        network.train()
        freeze_batch_norms(network)

        disparities = network(image).disparities

    torch.testing.assert_close(disparities[0], expected)


def test_disparity_is_inside_0_to_1_and_follows_the_image(built_once):
    image = torch.rand(3, 64, 96)

    with torch.no_grad():
        dark, bright = built_once(torch.stack([0.1 * image, image]))

    assert dark.min() > 0 and bright.max() < 1
    assert not torch.allclose(dark, bright, atol=1e-4)


def test_an_image_does_not_see_its_batch_in_eval(built_once):
    images = torch.rand(3, 3, 64, 96)

    with torch.no_grad():
        alone, together = built_once(images[1:2]), built_once(images)[1:2]

    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


def test_mixed_precision_trains_and_predicts_finite_numbers(network):
    image = torch.rand(2, 3, 64, 96)

    with torch.autocast('cpu', torch.bfloat16):
        with torch.no_grad():
            disparity = network(image)
        output = network.train()(image)
        loss = sum(level.float().mean() for level in output.disparities)
    loss.backward()

    assert disparity.isfinite().all() and all(x.isfinite().all() for x in output.disparities)
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_deployed_network_predicts_the_same_disparity(built_once, deployed):
    image = torch.rand(2, 3, 64, 96)

    with torch.no_grad():
        expected, disparity = built_once(image), deployed(image)

    torch.testing.assert_close(disparity, expected, atol=1e-5, rtol=0)


def test_deployed_network_keeps_no_batch_norm_and_no_unused_weight(deployed):
    deployed = deepcopy(deployed).requires_grad_(True)

    deployed(torch.rand(1, 3, 64, 96)).mean().backward()

    assert not any(isinstance(module, nn.BatchNorm2d) for module in deployed.modules())
    assert [key for key, value in deployed.named_parameters() if value.grad is None] == []


def test_deploying_leaves_the_network_as_it_was(network):
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    network.deploy()

    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_every_network_takes_branches_and_tells_their_drops_its_progress(name):
    network = create_network(name, etm=True, etm_branch_drop=0.2, etm_element_drop=0.3)

    network.set_training_progress(0.5)

    with torch.no_grad():
        assert network(torch.rand(2, 3, 64, 64)).disparities[0].shape[2:] == (64, 64)
    modules = list(network.modules())
    drops = [module for module in modules if isinstance(module, GrowingDrop | ElementDrop)]
    wide = [m for m in modules if isinstance(m, nn.Conv2d) and m.kernel_size > (1, 1)]
    assert len(wide) == len(equivalent_convs(network)) > 0
    assert {drop.progress for drop in drops} == {0.5}
    rates = {(type(drop), drop.highest_rate) for drop in drops}
    assert {(GrowingDrop, 0.2), (ElementDrop, 0.3)} <= rates


def test_branches_fold_into_the_convolutions(name, built_once):
    network = create_network(name, etm=True).eval()
    load_plain_weights(network, built_once.state_dict())
    for branched in equivalent_convs(network):
        nn.init.uniform_(branched.scales, 0.8, 1.2)
        if branched.identity_scale is not None:
            nn.init.uniform_(branched.identity_scale, -0.1, 0.1)
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)

    folded = network.double().deploy()

    with torch.no_grad():
        torch.testing.assert_close(folded(image), network(image), atol=1e-9, rtol=0)
    assert equivalent_convs(network) and not equivalent_convs(folded)


@pytest.mark.filterwarnings(
    'ignore::DeprecationWarning',
    'ignore::torch.jit.TracerWarning',
    'ignore:Constant folding:UserWarning',
)
def test_deployed_network_runs_in_onnx_runtime_at_any_batch_size(name, deployed):
    file = io.BytesIO()

    torch.onnx.export(
        deployed,
        (torch.rand(2, 3, 64, 96),),
        file,
        dynamo=False,
        opset_version=17,
        input_names=['image'],
        output_names=['disparity'],
        dynamic_axes={'image': {0: 'batch'}, 'disparity': {0: 'batch'}},
    )

    session = onnxruntime.InferenceSession(file.getvalue(), providers=['CPUExecutionProvider'])
    for batch in (1, 3):
        image = torch.rand(batch, 3, 64, 96)
        (disparity,) = session.run(None, {'image': image.numpy()})
        torch.testing.assert_close(
            torch.from_numpy(disparity), deployed(image), **exported_tolerance(name)
        )


def test_state_dict_carries_the_whole_network(name, built_once):
    twin = create_network(name).eval()
    image = torch.rand(1, 3, 64, 96)

    twin.load_state_dict(built_once.state_dict())

    with torch.no_grad():
        assert torch.equal(twin(image), built_once(image))


def test_the_same_seed_builds_the_same_network(name):
    torch.manual_seed(7)
    first = create_network(name).state_dict()
    torch.manual_seed(7)
    second = create_network(name).state_dict()

    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_building_a_network_opens_no_connection(name, monkeypatch):
    def refuse(*_):
        raise AssertionError('a connection was attempted')

    monkeypatch.setattr(socket.socket, 'connect', refuse)

    with torch.device('meta'):
        create_network(name)


def test_size_off_the_grid_names_the_nearest_legal_one(shapes_only):
    with pytest.raises(ValueError, match=r'190x650 .* multiple of 32.* 192x640'):
        shapes_only(torch.empty(1, 3, 190, 650, device='meta'))


def small_depth():
    with torch.device('meta'):
        return create_network('small_depth')


def test_tiny_size_names_one_cell_rather_than_none():
    with pytest.raises(ValueError, match='nearest legal size is 32x32'):
        small_depth().check_input_size(3, 20)


def test_legal_size_passes():
    small_depth().check_input_size(32, 416)


@pytest.mark.parametrize('shape', [(1, 4, 64, 96), (3, 64, 96), (1, 1, 64, 96)], ids=str)
def test_image_without_three_channels_is_refused(shape):
    with pytest.raises(ValueError, match=r'expected \(B, 3, H, W\)'):
        small_depth()(torch.empty(shape, device='meta'))


def test_integer_image_is_refused():
    image = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)

    with pytest.raises(ValueError, match=r'dtype torch\.uint8; .* Divide a uint8 image by 255'):
        create_network('small_depth')(image)
