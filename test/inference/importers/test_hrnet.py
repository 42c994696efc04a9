"""RA-Depth's and DIFFNet's folders become cards; nothing in them goes unread."""

import pytest
import torch
from official_checkpoints import fingerprint
from official_hrnet import FORWARD, official

from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.importers.importer import import_checkpoint
from mono_depth_ros.inference.importers.layouts import LAYOUTS

every_layout = pytest.mark.parametrize('layout', FORWARD)
NETWORKS = {'ra_depth': 'ra_depth', 'diffnet': 'diffnet', 'diffnet_1024x320': 'diffnet'}


@pytest.fixture
def write(tmp_path):
    """Write a layout's two files, changed on request, and return their folder."""

    def write(layout, change=lambda encoder, depth: None):
        encoder, depth = official(layout)
        change(encoder, depth)
        folder = tmp_path / 'authors_folder'
        folder.mkdir()
        torch.save(encoder, folder / 'encoder.pth')
        torch.save(depth, folder / 'depth.pth')
        return folder

    return write


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


@pytest.mark.parametrize(
    ('layout', 'order'), [('ra_depth', '536062b5cfb647c7'), ('diffnet', '1d0037297e940033')]
)
def test_synthetic_files_have_names_shapes_and_order_of_the_official_constructors(layout, order):
    assert fingerprint(*official(layout)) == order


@pytest.mark.parametrize(('layout', 'values'), [('ra_depth', 416_589), ('diffnet', 1_306_840)])
def test_synthetic_files_have_as_many_entries_and_values_as_the_authors(layout, values):
    encoder, depth = official(layout)
    once = {key: value for key, value in depth.items()
            if layout == 'ra_depth' or key.startswith('convs.')}  # fmt: skip

    assert len(encoder) == 1830 + 3  # height, width, use_stereo
    assert len(once) == {'ra_depth': 50, 'diffnet': 28}[layout]
    assert sum(value.numel() for value in once.values()) == values


@pytest.mark.slow
@every_layout
def test_imported_weights_predict_what_the_official_forward_pass_does(layout, write, out):
    encode, decode = FORWARD[layout]
    encoder, depth = official(layout)
    image = torch.rand(1, 3, 64, 96)

    card = import_checkpoint(write(layout), out)

    network = load_network(card)
    assert card.network == NETWORKS[layout]
    with torch.no_grad():
        features = network.encode(image)
        expected_features = encode(encoder, image)
        levels = network.decode(features).disparities
        expected = decode(depth, expected_features)
    for ours, theirs in zip(features, expected_features, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    for ours, theirs in zip(levels, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    assert levels[0].std() > 0.01  # the comparison sees a picture, not a constant


@pytest.mark.slow
@pytest.mark.parametrize('layout', ['ra_depth', 'diffnet'])
def test_every_weight_of_our_network_comes_from_the_files(layout, write, out):
    def fill(encoder, depth):
        for state in (encoder, depth):
            for key, value in state.items():
                if isinstance(value, torch.Tensor):
                    state[key] = torch.full_like(value, 7)

    network = load_network(import_checkpoint(write(layout, fill), out))

    assert all((value == 7).all() for value in network.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ('layout', 'change', 'message'),
    [
        ('ra_depth', lambda e, d: d.pop('decoder.9.conv.conv.bias'),
         r'depth.pth lacks decoder\.9\.conv\.conv\.bias'),
        ('ra_depth', lambda e, d: d.update({'decoder.25.conv.weight': torch.zeros(1)}),
         r'depth.pth: decoder\.25\.conv\.weight is unknown'),
        ('ra_depth', lambda e, d: e.pop('stage3.2.fuse_layers.0.2.0.weight'),
         r'encoder.pth lacks stage3\.2\.fuse_layers\.0\.2\.0\.weight'),
        ('ra_depth', lambda e, d: e.update({'final_layer.0.weight': torch.zeros(1)}),
         r'encoder.pth: final_layer\.0\.weight is unknown'),
        ('ra_depth', lambda e, d: d.update({'decoder.4.conv.conv.bias': torch.zeros(36)}),
         r'decoder\.4\.conv\.conv\.bias has shape \(36,\), expected \(18,\)'),
        ('diffnet', lambda e, d: d.pop('convs.36.ca.fc.2.weight'),
         r'depth.pth lacks convs\.36\.ca\.fc\.2\.weight'),
        ('diffnet', lambda e, d: d['decoder.3.conv_se.bias'].add_(1),
         r'decoder\.3\.conv_se\.bias differs from convs\.36\.conv_se\.bias'),
        ('diffnet', lambda e, d: d.update({'decoder.10.conv.weight': torch.zeros(1)}),
         r'decoder\.10\.conv\.weight is unknown'),
        ('diffnet', lambda e, d: d.update({'convs.36fSE.fc.0.weight': torch.zeros(1)}),
         r'depth.pth: convs\.36fSE\.fc\.0\.weight is unknown'),
        ('diffnet_1024x320', lambda e, d: d.pop('convs.9fSE.conv_se.weight'),
         r'depth.pth lacks convs\.9fSE\.conv_se\.weight'),
    ],
)  # fmt: skip
def test_weight_that_does_not_fit_is_named(layout, change, message, write, out):
    with pytest.raises(ValueError, match=message):
        import_checkpoint(write(layout, change), out)
    assert not out.exists()


@pytest.mark.slow
def test_copies_are_told_by_the_order_of_the_file(write, out):
    def heads_first(encoder, depth):
        layers = list(dict.fromkeys(key.split('.')[1] for key in depth if key.startswith('convs')))
        order = sorted(layers, key=lambda name: not name.startswith('disp'))
        once = {key: value for key, value in depth.items() if key.startswith('convs.')}
        depth.clear()
        for number, name in enumerate(order):
            for key, value in once.items():
                if key.split('.')[1] == name:
                    tail = key.removeprefix(f'convs.{name}.')
                    depth |= {key: value, f'decoder.{number}.{tail}': value}

    import_checkpoint(write('diffnet', heads_first), out)


@pytest.mark.parametrize(
    ('layout', 'terms'),
    [
        ('ra_depth', 'bears the notice of the Monodepth v2 licence'),
        ('diffnet', 'not stated; ask the authors'),
        ('diffnet_1024x320', 'not stated; ask the authors'),
    ],
)
def test_terms_of_the_weights_are_those_that_the_repository_shows(layout, terms):
    assert terms in LAYOUTS[layout].license_weights
