"""Files as people really have them: wrapped, prefixed, counted, or not weights at all."""

import re

import numpy as np
import pytest
import torch
from official_checkpoints import official
from torchvision.models import resnet50, resnet101

from mono_depth_ros.inference.importers.files import listed, read_checkpoint
from mono_depth_ros.inference.importers.importer import import_checkpoint

WEIGHTS = {'conv.weight': torch.ones(2, 3), 'conv.bias': torch.zeros(2)}
SETTINGS = {'height': 64, 'width': 96}


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / 'encoder.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        return read_checkpoint(path)

    return read


def prefixed(prefix):
    return {prefix + key: value for key, value in WEIGHTS.items()}


@pytest.mark.parametrize(
    'content',
    [
        WEIGHTS | SETTINGS,
        {'state_dict': WEIGHTS, 'epoch': 3} | SETTINGS,
        {'state_dict': WEIGHTS | SETTINGS, 'epoch': 3},
        {'model': WEIGHTS, 'optimizer': {'state': {0: {'step': torch.ones(1)}}}} | SETTINGS,
        {'model': {'state_dict': prefixed('module.')} | SETTINGS, 'optimizer': {}},
        prefixed('module.') | SETTINGS,
        prefixed('module._orig_mod.module.') | SETTINGS,
        WEIGHTS | {'total_ops': torch.zeros(1), 'conv.total_params': torch.zeros(1)} | SETTINGS,
    ],
    ids=['plain', 'state_dict', 'settings inside', 'model and optimizer', 'nested', 'module',
         'compiled in parallel', 'counted'],
)  # fmt: skip
def test_what_is_around_the_weights_is_taken_off(content, read):
    weights, settings = read(content)

    assert list(weights) == list(WEIGHTS)
    assert all(torch.equal(weights[key], WEIGHTS[key]) for key in WEIGHTS)
    assert settings == SETTINGS


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (WEIGHTS | {'a.weight': torch.tensor([1, float('nan')])}, 'hold NaN or inf: a.weight;'),
        (WEIGHTS | {'a.weight': torch.tensor([float('-inf')])}, 'hold NaN or inf: a.weight;'),
        ({'a.weight': torch.tensor([1e300], dtype=torch.float64)}, 'hold NaN or inf: a.weight;'),
        ({'a.weight': torch.ones(2, dtype=torch.int8)}, 'no floating point weights: a.weight;'),
        (WEIGHTS | prefixed('module.'), 'holds conv.weight twice'),
        ({'model': resnet50}, 'an object of torchvision.models.resnet.resnet50, a pickled model'),
        (torch.nn.ReLU(), r'an object of torch.nn.modules.activation.ReLU, a pickled model'),
        (WEIGHTS | {'height': np.int64(64)}, 'NumPy value .* int'),
        (WEIGHTS | {'height': np.ones(2)}, 'NumPy value .* int'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n',
         "Git LFS pointer.* Run 'git lfs pull'"),
        (b'\n<!DOCTYPE html><html>Sign in</html>', 'is a web page'),
        (b'', 'is empty'),
        ({'state_dict': {}}, r'holds no weights'),
        ({'encoder': WEIGHTS, 'depth': WEIGHTS}, 'no tensors: encoder, depth;'),
        ({1: torch.ones(1)}, 'no tensors: 1;'),
    ],
)  # fmt: skip
def test_what_holds_no_usable_weights_is_refused_in_one_sentence(content, message, read):
    with pytest.raises(ValueError, match=message) as caught:
        read(content)

    assert re.fullmatch(r'[^\x00-\x1f]{30,420}', str(caught.value))


def test_no_more_than_ten_are_listed(read):
    with pytest.raises(ValueError, match=r'no tensors: e0, e1, .*, e9, and 290 more;'):
        read(WEIGHTS | {f'e{number}': number for number in range(300)})
    assert listed('abcdefghij') == 'a, b, c, d, e, f, g, h, i, j'


@pytest.fixture
def write(tmp_path):
    def write(encoder, depth):
        torch.save(encoder, tmp_path / 'encoder.pth')
        torch.save(depth, tmp_path / 'depth.pth')
        return tmp_path

    return write


def encoder_of(resnet):
    return {f'encoder.{key}': value for key, value in resnet().state_dict().items()} | SETTINGS


@pytest.mark.slow
@pytest.mark.parametrize(
    ('resnet', 'layout', 'message'),
    [
        (resnet50, 'hr_depth', 'a ResNet50 with the decoder of HR-Depth'),
        (resnet101, 'monodepth2', 'a ResNet101 with the decoder of Monodepth2'),
    ],
)
def test_a_network_that_is_not_supported_is_one_sentence(resnet, layout, message, write):
    folder = write(encoder_of(resnet), official(layout)[1])

    with pytest.raises(ValueError, match=f'not supported: {message}') as caught:
        import_checkpoint(folder, folder / 'out')
    assert '\n' not in str(caught.value)


@pytest.mark.slow
def test_a_decoder_of_another_encoder_is_told_in_few_lines(write):
    folder = write(encoder_of(resnet50), official('monodepth2')[1])

    with pytest.raises(ValueError, match='does not fit monodepth2_resnet50') as caught:
        import_checkpoint(folder, folder / 'out')
    assert len(str(caught.value).splitlines()) <= 13


def test_a_size_that_is_no_number_is_named(write):
    encoder, depth = official('lite_hr_depth')
    folder = write(encoder | {'height': 'tall'}, depth)

    with pytest.raises(ValueError, match="states height 'tall'; expected a number of pixels"):
        import_checkpoint(folder, folder / 'out')
