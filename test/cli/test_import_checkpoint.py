import re

import pytest
import torch

from mono_depth_ros.cli.import_checkpoint import main
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.inference.importers.layouts import LAYOUTS
from mono_depth_ros.networks import create_network


@pytest.fixture
def folder(tmp_path):
    """Monodepth2's two files, filled from a network of ours."""
    state = create_network('monodepth2_resnet18').state_dict()
    layout = LAYOUTS['monodepth2']
    encoder = {key: state[ours] for ours, key in layout.encoder_names(list(state)).items()}
    depth = {key: state[ours] for ours, key in layout.depth_names(list(state)).items()}
    folder = tmp_path / 'mono_640x192'
    folder.mkdir()
    torch.save(encoder | {'height': 192, 'width': 640, 'use_stereo': True}, folder / 'encoder.pth')
    torch.save(depth, folder / 'depth.pth')
    return folder


@pytest.mark.slow
def test_command_writes_a_card_and_says_how_to_use_it(folder, tmp_path, capsys):
    assert main([str(folder), '--output', str(tmp_path / 'out')]) == 0

    card = load_card(tmp_path / 'out')
    printed = capsys.readouterr().out
    assert card.name == 'mono_640x192'
    assert f'model:={tmp_path}/out/mono_640x192.yaml' in printed
    assert 'non-commercial' in printed


def test_every_option_reaches_the_card(folder, tmp_path):
    options = ['--layout', 'monodepth2', '--name', 'ours', '--input-size', '192', '640',
               '--unit', 'metric', '--depth-scale', '2', '--training-data', 'a yard',
               '--training-intrinsics', '300', '310', '320', '96',
               '--license-weights', 'MIT']  # fmt: skip

    assert main([str(folder), '--output', str(tmp_path), *options]) == 0

    card = load_card(tmp_path / 'ours.yaml')
    assert (card.depth_unit, card.depth_scale, card.license_weights) == ('metric', 2.0, 'MIT')
    assert card.training_data == 'a yard (with stereo pairs)'
    assert card.training_K == ((300, 0, 320), (0, 310, 96), (0, 0, 1))


def test_error_is_one_line_and_an_exit_code(tmp_path, capsys):
    assert main([str(tmp_path / 'nowhere')]) == 1

    error = capsys.readouterr().err
    assert error.startswith('import_checkpoint: error: ') and 'Traceback' not in error
    assert 'encoder.pth' in error


def test_unknown_unit_is_refused_with_the_right_ones(folder, tmp_path, capsys):
    with pytest.raises(SystemExit, match='2'):
        main([str(folder), '--unit', 'feet'])

    assert re.search("choose from '?relative'?, '?metric'?", capsys.readouterr().err)
