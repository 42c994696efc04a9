"""Folders as the authors write them become cards; nothing in them goes unread."""

import pytest
import torch
from official_checkpoints import FORWARD, fingerprint, official

from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.inference.importers.importer import import_checkpoint

SIZE = (64, 96)
every_layout = pytest.mark.parametrize('layout', FORWARD)


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
    ('layout', 'order'),
    [
        ('monodepth2', 'de32147ad88c00ee'),
        ('monodepth2_resnet34', '29ed80104b5e479c'),
        ('monodepth2_resnet50', 'f0c65cf3328866a1'),
        ('hr_depth', '87436778683f3b60'),
        ('hr_depth_resnet34', '80ef289a624b991c'),
        ('lite_hr_depth', '7e45a71b3c22bbbe'),
    ],
)
def test_synthetic_files_have_names_shapes_and_order_of_the_official_constructors(layout, order):
    assert fingerprint(*official(layout)) == order


@pytest.mark.slow
@every_layout
def test_imported_weights_predict_what_the_official_forward_pass_does(layout, write, out):
    encode, decode = FORWARD[layout]
    encoder, depth = official(layout)
    image = torch.rand(1, 3, *SIZE)

    network = load_network(import_checkpoint(write(layout), out))

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
@every_layout
def test_every_weight_of_our_network_comes_from_the_files(layout, write, out):
    def fill(encoder, depth):
        for state in (encoder, depth):
            for key, value in state.items():
                if isinstance(value, torch.Tensor):
                    state[key] = torch.full_like(value, 7)

    network = load_network(import_checkpoint(write(layout, fill), out))

    assert all((value == 7).all() for value in network.state_dict().values())


@pytest.mark.slow
def test_the_layer_before_doubling_is_named_after_its_source(write, out):
    def mark(encoder, depth):
        for key in ('convs.X_21_Conv_0.conv.conv.bias', 'decoder.7.conv.conv.bias'):
            depth[key].fill_(3)
        for key in ('convs.X_21_Conv_1.conv.conv.bias', 'decoder.26.conv.conv.bias'):
            depth[key].fill_(4)

    network = load_network(import_checkpoint(write('hr_depth', mark), out))

    assert (network.nodes['12'].reduce.conv.bias == 3).all()
    assert (network.nodes['12'].fuse[1].conv.bias == 4).all()


def test_card_says_what_the_folder_says(write, out):
    folder = write('lite_hr_depth')

    card = import_checkpoint(folder, out)

    assert card == load_card(out / 'authors_folder.yaml')
    assert card.network == 'lite_hr_depth'
    assert card.network_options == {'se_before_activation': True}
    assert card.input_size == SIZE
    assert (card.min_depth, card.max_depth, card.depth_unit) == (0.1, 100.0, 'relative')
    assert (card.depth_scale, card.training_K) == (None, None)
    assert card.parameters == 3_109_964
    assert card.license_weights == 'not stated; ask the authors'


@pytest.mark.slow
def test_monodepth2_weights_are_non_commercial_unless_told_otherwise(write, out):
    folder = write('monodepth2')

    assert 'non-commercial' in import_checkpoint(folder, out).license_weights
    told = import_checkpoint(folder, out, name='own', license_weights='CC-BY-4.0')
    assert told.license_weights == 'CC-BY-4.0'


@pytest.mark.slow
def test_kitti_brings_its_intrinsics(write, out):
    card = import_checkpoint(write('monodepth2'), out, training_data='kitti')

    fx, fy = 0.58 * 96, 1.92 * 64
    assert card.training_K == ((fx, 0, 48), (0, fy, 32), (0, 0, 1))
    assert card.depth_unit == 'relative'


def use_stereo(encoder, depth):
    encoder['use_stereo'] = True


@pytest.mark.slow
def test_stereo_weights_of_kitti_may_be_metric(write, out):
    card = import_checkpoint(
        write('monodepth2', use_stereo), out, unit='metric', training_data='kitti'
    )

    assert (card.depth_unit, card.depth_scale) == ('metric', 5.4)
    assert card.training_data == 'kitti (with stereo pairs)'


@pytest.mark.slow
def test_stereo_weights_stay_relative_unless_asked(write, out):
    card = import_checkpoint(write('monodepth2', use_stereo), out, training_data='kitti')

    assert (card.depth_unit, card.depth_scale) == ('relative', None)


def test_metric_from_video_alone_is_refused(write, out):
    with pytest.raises(ValueError, match=r'does not say use_stereo.* import them as relative'):
        import_checkpoint(write('monodepth2'), out, unit='metric', training_data='kitti')
    assert not out.exists()


def test_metric_without_intrinsics_is_refused(write, out):
    with pytest.raises(ValueError, match='intrinsics of the training images are not given'):
        import_checkpoint(write('monodepth2', use_stereo), out, unit='metric', depth_scale=2.0)


def test_metric_of_another_camera_takes_scale_and_intrinsics(write, out):
    card = import_checkpoint(
        write('monodepth2', use_stereo),
        out,
        unit='metric',
        depth_scale=2.0,
        training_intrinsics=(50, 60, 47, 31),
    )

    assert card.depth_scale == 2.0
    assert card.training_K == ((50, 0, 47), (0, 60, 31), (0, 0, 1))


def test_unknown_unit_names_the_two(write, out):
    with pytest.raises(ValueError, match="'feet'; expected relative or metric"):
        import_checkpoint(write('monodepth2'), out, unit='feet')


@pytest.mark.slow
def test_files_of_old_pytorch_lack_the_batch_counters(write, out):
    def age(encoder, depth):
        for key in [key for key in encoder if key.endswith('num_batches_tracked')]:
            del encoder[key]

    import_checkpoint(write('hr_depth', age), out)


def drop_size(encoder, depth):
    del encoder['height'], encoder['width']


@pytest.mark.slow
def test_folder_without_a_size_needs_one(write, out):
    folder = write('hr_depth', drop_size)

    with pytest.raises(ValueError, match=r'states no height and width.* 192 640'):
        import_checkpoint(folder, out)
    assert import_checkpoint(folder, out, input_size=(96, 64)).input_size == (96, 64)


def test_size_against_the_file_is_refused(write, out):
    with pytest.raises(ValueError, match=r'192x640 contradicts encoder\.pth, which says 64x96'):
        import_checkpoint(write('hr_depth'), out, input_size=(192, 640))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda e, d: d.pop('convs.X_31_attention.fc.0.weight'),
         r'depth.pth lacks convs\.X_31_attention\.fc\.0\.weight'),
        (lambda e, d: e.pop('encoder.bn1.running_var'),
         r'encoder.pth lacks encoder\.bn1\.running_var'),
        (lambda e, d: d.update({'convs.X_55.weight': torch.zeros(1)}),
         r'depth.pth: convs\.X_55\.weight is unknown'),
        (lambda e, d: e.update({'encoder.layer9.weight': torch.zeros(1)}),
         r'encoder.pth: encoder\.layer9\.weight is unknown'),
        (lambda e, d: d.update({'decoder.33.conv.weight': torch.zeros(1)}),
         r'decoder\.33\.conv\.weight is unknown'),
        (lambda e, d: d['decoder.0.conv.conv.bias'].add_(1),
         r'decoder\.0\.conv\.conv\.bias differs from convs\.X_00_Conv_0\.conv\.conv\.bias'),
        (lambda e, d: d.update({'convs.X_04_Conv_1.conv.conv.bias': torch.zeros(5)}),
         r'X_04_Conv_1\.conv\.conv\.bias has shape \(5,\), expected \(16,\)'),
        (lambda e, d: d.update({'epoch': 20}), 'entries that are no tensors: epoch'),
    ],
    ids=['missing', 'missing statistics', 'unknown', 'unknown in encoder', 'unknown twin',
         'twin differs', 'shape', 'no tensor'],
)  # fmt: skip
def test_weight_that_does_not_fit_is_named(change, message, write, out):
    with pytest.raises(ValueError, match=message):
        import_checkpoint(write('hr_depth', change), out)
    assert not out.exists()


@pytest.mark.slow
def test_unused_layers_may_be_absent(write, out):
    def prune(encoder, depth):
        for state in (encoder, depth):
            for key in [k for k in state if k.startswith(('encoder.fc', 'convs.X_00', 'decoder'))]:
                del state[key]

    import_checkpoint(write('hr_depth', prune), out)


def test_missing_file_is_named(write, out):
    folder = write('monodepth2')
    (folder / 'depth.pth').unlink()

    with pytest.raises(FileNotFoundError, match=r"depth.pth' does not exist; .* Unpack"):
        import_checkpoint(folder, out)


def test_truncated_file_is_named(write, out):
    file = write('monodepth2') / 'encoder.pth'
    file.write_bytes(file.read_bytes()[:100_000])

    with pytest.raises(ValueError, match=r"encoder.pth' is not a readable .* Download it again"):
        import_checkpoint(file.parent, out)


def test_pickled_code_is_refused(write, out):
    file = write('monodepth2') / 'encoder.pth'
    torch.save({'encoder': torch.nn.ReLU()}, file)

    with pytest.raises(ValueError, match='not a readable PyTorch file of plain tensors'):
        import_checkpoint(file.parent, out)


def test_file_without_names_is_refused(write, out):
    file = write('monodepth2') / 'encoder.pth'
    torch.save([torch.zeros(1)], file)

    with pytest.raises(ValueError, match='holds a list; expected the names and tensors'):
        import_checkpoint(file.parent, out)


def test_unknown_layout_shows_what_the_files_hold(write, out):
    folder = write('monodepth2')
    torch.save({'backbone.stem.weight': torch.zeros(1)}, folder / 'encoder.pth')

    with pytest.raises(ValueError, match=r"'backbone\.stem\.weight'.* Known: monodepth2, .*hr_de"):
        import_checkpoint(folder, out)


def test_misspelt_layout_names_the_nearest(write, out):
    with pytest.raises(ValueError, match=r"'hr_deth'\. Did you mean 'hr_depth'\?"):
        import_checkpoint(write('monodepth2'), out, layout='hr_deth')


def test_wrong_layout_names_the_differences(write, out):
    with pytest.raises(ValueError, match=r'does not fit hr_depth:\n  depth.pth lacks convs'):
        import_checkpoint(write('monodepth2'), out, layout='hr_depth')


@pytest.mark.slow
def test_existing_card_is_never_overwritten(write, out):
    folder = write('monodepth2')
    import_checkpoint(folder, out)

    with pytest.raises(ValueError, match=r"authors_folder.yaml' exists already"):
        import_checkpoint(folder, out)
