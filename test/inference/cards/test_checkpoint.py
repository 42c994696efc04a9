from dataclasses import replace

import numpy as np
import pytest
import torch
from cards import UNTRAINED
from torch import nn

from mono_depth_ros.inference.cards.checkpoint import file_sha256, load_network, save_weights
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.preprocessing import to_network_input
from mono_depth_ros.networks import create_network

SIZE = UNTRAINED.input_size


def scenes(count: int = 2) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    blocks = generator.integers(0, 256, (count, 8, 12, 3), dtype=np.uint8)
    return list(blocks.repeat(8, axis=1).repeat(8, axis=2))


@pytest.fixture(scope='module')
def network():
    return load_network(UNTRAINED, scenes())


@pytest.fixture
def card(network, tmp_path):
    sha256 = save_weights(network, tmp_path / 'tiny.safetensors')
    return replace(
        UNTRAINED,
        weights='tiny.safetensors',
        seed=None,
        sha256=sha256,
        path=tmp_path / 'tiny.yaml',
    )


def with_file(card: ModelCard, name: str) -> ModelCard:
    """Return the card with another weights file of its folder, correctly hashed."""
    return replace(card, weights=name, sha256=file_sha256(card.path.parent / name))


def states_equal(left: nn.Module, right: nn.Module) -> bool:
    return all(map(torch.equal, left.state_dict().values(), right.state_dict().values()))


def test_saved_weights_load_as_they_were(card, network):
    loaded = load_network(card)

    assert states_equal(loaded, network) and not loaded.training


def test_half_precision_files_load_to_single_precision(card, network, tmp_path):
    save_weights(network, tmp_path / 'half.safetensors', torch.float16)
    full_size = (tmp_path / 'tiny.safetensors').stat().st_size

    loaded = load_network(with_file(card, 'half.safetensors'))

    assert (tmp_path / 'half.safetensors').stat().st_size < 0.55 * full_size
    for value, original in zip(loaded.parameters(), network.parameters()):
        assert value.dtype == torch.float32
        assert torch.equal(value, original.half().float())
    assert all(map(torch.equal, loaded.buffers(), network.buffers()))


def test_pickled_state_dicts_load(card, network, tmp_path):
    torch.save(network.state_dict(), tmp_path / 'tiny.pth')

    assert states_equal(load_network(with_file(card, 'tiny.pth')), network)


def test_a_wrong_hash_names_file_expectation_finding_and_cure(card):
    wrong = replace(card, sha256='0' * 64)

    with pytest.raises(
        ValueError,
        match=f'tiny.safetensors.*{card.sha256}.*expects {"0" * 64}.*Fetch.*sha256 in .*tiny.yaml',
    ):
        load_network(wrong)


def test_missing_weights_are_named(card):
    with pytest.raises(FileNotFoundError, match=r'gone.safetensors.*tiny.yaml do not exist'):
        load_network(replace(card, weights='gone.safetensors'))


@pytest.mark.parametrize('name', ['cut.safetensors', 'cut.pth'])
def test_corrupt_weights_are_named(card, tmp_path, name):
    (tmp_path / name).write_bytes((tmp_path / 'tiny.safetensors').read_bytes()[:1000])

    with pytest.raises(ValueError, match=rf'{name}.*Fetch'):
        load_network(with_file(card, name))


def test_a_pickle_with_code_is_refused(card, network, tmp_path):
    torch.save(network, tmp_path / 'module.pth')

    with pytest.raises(ValueError, match=r'module.pth.*import_checkpoint'):
        load_network(with_file(card, 'module.pth'))


def test_a_pickle_that_holds_no_state_dict_is_refused(card, tmp_path):
    torch.save({'epoch': 3}, tmp_path / 'training.pth')

    with pytest.raises(ValueError, match=r'training.pth.*no plain mapping'):
        load_network(with_file(card, 'training.pth'))


def test_an_unknown_suffix_is_refused(card, tmp_path):
    (tmp_path / 'tiny.onnx').write_bytes(b'?')

    with pytest.raises(ValueError, match=r"tiny.onnx.*'.onnx'; expected .safetensors or .pth"):
        load_network(with_file(card, 'tiny.onnx'))


def test_every_key_that_does_not_fit_is_named(card, network, tmp_path):
    other = nn.Module()
    state = network.state_dict()
    keys = list(state)
    first, second, third = keys[0], keys[1], keys[2]
    del state[first], state[second]
    state[third] = torch.zeros(5)
    other.state_dict = lambda: state | {'classifier.weight': torch.zeros(1)}
    save_weights(other, tmp_path / 'other.safetensors')

    with pytest.raises(ValueError, match='do not fit network') as error:
        load_network(with_file(card, 'other.safetensors'))

    message = str(error.value)
    assert f'missing: {first}\n' in message and f'missing: {second}\n' in message
    assert 'unexpected: classifier.weight\n' in message
    assert f'{third}: shape (5,), expected' in message


def test_a_wrong_option_names_the_card():
    with pytest.raises(ValueError, match="tiny: Network 'monodepth2_resnet18' has no option"):
        load_network(replace(UNTRAINED, network_options={'depth': 3}), scenes())


@pytest.mark.parametrize('images', [None, []])
def test_an_untrained_card_needs_calibration_images(images):
    with pytest.raises(ValueError, match="'tiny' is untrained; expected calibration_images"):
        load_network(UNTRAINED, images)


def test_untrained_networks_are_repeatable_and_differ_by_seed(network):
    torch.rand(7)

    assert states_equal(load_network(UNTRAINED, scenes()), network)
    other = load_network(replace(UNTRAINED, seed=2), scenes())
    assert not torch.equal(next(other.parameters()), next(network.parameters()))


def test_loading_leaves_the_callers_random_numbers_alone(card):
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    load_network(UNTRAINED, scenes())
    load_network(card)

    assert torch.equal(torch.rand(3), expected)


def test_calibrated_features_have_the_statistics_of_the_images(network):
    first = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    hook = first.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))

    with torch.no_grad():
        network(to_network_input(scenes(), SIZE))
    hook.remove()

    mean, variance = seen[0].mean(dim=(0, 2, 3)), seen[0].var(dim=(0, 2, 3))
    assert torch.allclose(first.running_mean, mean, atol=1e-5)
    assert torch.allclose(first.running_var, variance, rtol=1e-4)
    untouched = create_network('monodepth2_resnet18').modules()
    assert first.momentum == next(m for m in untouched if isinstance(m, nn.BatchNorm2d)).momentum


@pytest.mark.slow
def test_calibration_averages_over_all_batches():
    twelve = scenes(12)

    network = load_network(UNTRAINED, twelve)

    first = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    assert first.num_batches_tracked == 2
    halves = [load_network(UNTRAINED, part) for part in (twelve[:8], twelve[8:])]
    means = [
        next(m for m in half.modules() if isinstance(m, nn.BatchNorm2d)).running_mean
        for half in halves
    ]
    assert torch.allclose(first.running_mean, (means[0] + means[1]) / 2, atol=1e-6)
