"""What a configuration names is built, and what it names wrong is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cards import UNTRAINED, write_teacher
from kitti_folder import DRIVE, write_day, write_image, write_split

from mono_depth_ros.datasets.street.raycast import street_intrinsics
from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.inference.cards.model_card import write_card
from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.layers.reparam import without_branches
from mono_depth_ros.training.build import build, open_data
from mono_depth_ros.training.config.schema import DataConfig, LossConfig, OtherData, TrainConfig

STREET = TrainConfig(
    data='street',
    input_size=(64, 96),
    loss=LossConfig(levels=1),
    reading=DataConfig(options={'frames': 2}),
)


@pytest.fixture
def kitti(tmp_path):
    """Three frames of which the middle one has a partner, and its config."""
    write_day(tmp_path, (40, 60))
    for index in range(3):
        write_image(tmp_path, index, np.full((40, 60, 3), 50 * index, np.uint8))
    write_image(tmp_path, 1, np.full((40, 60, 3), 90, np.uint8), 'r')
    split = write_split(tmp_path, 1)
    return TrainConfig(root=str(tmp_path), split=str(split))


@pytest.fixture
def card(tmp_path):
    """A card of small_depth with all its weights at 0.01."""
    network = create_network('small_depth')
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.01)
    sha256 = save_weights(network, tmp_path / 'tiny.safetensors')
    write_card(
        replace(
            UNTRAINED, network='small_depth', weights='tiny.safetensors', seed=None, sha256=sha256
        ),
        tmp_path / 'tiny.yaml',
    )
    return str(tmp_path / 'tiny.yaml')


def offsets(config):
    return [source.offset for source in open_data(config)[0].sources]


def test_the_same_seed_gives_the_same_weights():
    first, again, other = (
        build(replace(STREET, seed=seed)).objective.state_dict() for seed in (1, 1, 2)
    )

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_training_K_is_that_of_the_first_sample_at_network_size(kitti):
    found = build(replace(kitti, input_size=(64, 96)))

    np.testing.assert_allclose(
        found.training_K,
        [[80, 0, (30 + 0.5) * 1.6 - 0.5], [0, 80, (20 + 0.5) * 1.6 - 0.5], [0, 0, 1]],
    )
    assert found.objective.training_focal == pytest.approx(80)


def test_the_street_is_rendered_at_network_size():
    np.testing.assert_allclose(build(STREET).training_K, street_intrinsics((64, 96)))


@pytest.mark.parametrize(
    'supervision, expected', [('M', [-1, 1]), ('S', [0]), ('MS', [-1, 1, 0]), ('T', [])]
)
@pytest.mark.parametrize('data', ['kitti_raw', 'street'])
def test_supervision_decides_on_the_sources(kitti, supervision, expected, data):
    config = STREET if data == 'street' else kitti

    assert offsets(replace(config, supervision=supervision)) == expected


def test_hints_and_offsets_are_read_as_asked_for(kitti):
    config = replace(
        kitti, supervision='MS', loss=LossConfig(hints=1.0), reading=DataConfig(offsets=(1,))
    )

    assert offsets(config) == [1, 0]
    assert open_data(config)[0].depth_hint is not None


def test_pairs_without_neighbours_are_added_to_the_samples(kitti, tmp_path):
    pairs = tmp_path / 'pairs.txt'
    pairs.write_text(f'{DRIVE} 1 l\n{DRIVE} 1 r\n')

    data = open_data(replace(kitti, supervision='MS', stereo_split=str(pairs)))

    assert len(data) == 3
    assert [[source.offset for source in data[number].sources] for number in range(3)] == [
        [-1, 1, 0],
        [0],
        [0],
    ]


def test_several_split_files_are_parted_by_commas(kitti):
    assert len(open_data(replace(kitti, split=f'{kitti.split}, {kitti.split}'))) == 2


def test_more_data_come_after_the_first_each_with_its_own_options(kitti):
    street = OtherData(data='street', options={'frames': 2, 'seed': 3})
    again = OtherData(root=kitti.root, split=kitti.split, options={'keep': True})
    config = replace(kitti, also=[street], reading=DataConfig(options={'known_poses': True}))

    data = open_data(config)

    assert [data[number].name for number in range(3)] == [
        f'{DRIVE} 1 l',
        'street 3 frame 1',
        'street 3 frame 2',
    ]
    with pytest.raises(ValueError, match="'kitti_raw' has no option 'keep'"):
        open_data(replace(kitti, also=[again]))


@pytest.mark.parametrize(
    'supervision, size, read_at',
    [('T', (32, 64), (64, 128)), ('T', (96, 192), (96, 192)), ('M', (32, 64), (32, 64))],
)
def test_samples_are_read_at_the_size_of_a_teacher_alone_if_it_is_larger(
    tmp_path, supervision, size, read_at
):
    teacher = write_teacher(tmp_path, size=(64, 128))
    loss = LossConfig(
        levels=1, distillation=1.0, features=0.5, photometric=0.0 if supervision == 'T' else 1.0
    )

    found = build(
        replace(STREET, supervision=supervision, input_size=size, teacher=teacher, loss=loss)
    )

    assert found.size == read_at
    assert found.training_K[0, 0] == pytest.approx(street_intrinsics(size)[0, 0])
    assert len(found.objective.losses['features'].imitation.maps) == 3


@pytest.mark.parametrize('supervision, has_pose', [('M', True), ('S', False)])
def test_a_pose_network_is_built_where_motion_has_to_be_found(supervision, has_pose):
    objective = build(replace(STREET, supervision=supervision)).objective

    assert (objective.pose is not None) == has_pose


def test_training_starts_from_the_weights_of_a_card(card):
    objective = build(replace(STREET, initial=card)).objective

    assert all((parameter == 0.01).all() for parameter in objective.depth.parameters())


def test_branches_share_the_weights_of_a_card(card):
    depth = build(replace(STREET, initial=card, network_options={'etm': True})).objective.depth

    merged = without_branches(depth).parameters()
    assert all(torch.allclose(parameter, torch.tensor(0.01)) for parameter in merged)


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'input_size': (60, 96)}, 'nearest legal size is 64x96'),
        ({'network': 'smal_depth'}, "Did you mean 'small_depth'"),
        ({'network_options': {'blok_drop': 0.1}}, 'blok_drop'),
        (
            {'reading': DataConfig(options={'frame': 2})},
            r"'street' has no option 'frame'\. Did you mean 'frames'\? Available: frames, seed",
        ),
        ({'encoder_weights': 'package'}, r"no installed package has .* 'small_depth'"),
        ({'batch_size': 0}, 'batch_size is 0'),
        ({'data': 'kitti_raw'}, "root is empty; expected where the data 'kitti_raw' are"),
    ],
)
def test_what_cannot_be_built_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        build(replace(STREET, **changes))


@pytest.mark.parametrize(
    'data, supervision, message',
    [
        ('kitti_raw', 'M', "kitti_raw needs a 'split'"),
        ('ddad', 'S', "'ddad' has no stereo partners"),
        ('image_sequence', 'MS', 'no stereo partners'),
        ('image_sequence', 'M', r'--reading\.options\.intrinsics, a YAML file'),
        ('rosbag', 'S', r'--reading\.options\.stereo_topic'),
    ],
)
def test_what_a_data_set_lacks_is_named(data, supervision, message):
    config = replace(
        STREET, data=data, root='.', supervision=supervision, reading=DataConfig(workers=0)
    )

    with pytest.raises(ValueError, match=message):
        build(config)


def test_a_drive_without_partners_is_no_stereo(kitti):
    config = replace(kitti, supervision='MS', input_size=(64, 96))
    (open_data(config).root / DRIVE / 'image_03/data/0000000001.png').unlink()

    with pytest.raises(ValueError, match='MS needs stereo partners, but the data have none'):
        build(config)


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            {'network': 'monodepth2_resnet18'},
            'a card of small_depth, but the network is monodepth2',
        ),
        ({'encoder_weights': 'package'}, "'initial' and 'encoder_weights' both have weights"),
    ],
)
def test_initial_weights_have_to_fit(card, changes, message):
    with pytest.raises(ValueError, match=message):
        build(replace(STREET, initial=card, **changes))


def test_several_teachers_are_read_once_each_and_one_named_twice_counts_twice(tmp_path):
    paths = []
    for name, size in (('small', (32, 64)), ('large', (64, 128))):
        folder = tmp_path / name
        folder.mkdir()
        paths.append(write_teacher(folder, size=size))
    loss = LossConfig(levels=1, distillation=1.0, photometric=0.0)

    found = build(
        replace(
            STREET,
            supervision='T',
            input_size=(32, 64),
            loss=loss,
            teacher=f'{paths[0]}, {paths[1]},{paths[0]}',
        )
    )

    teachers = found.objective.teacher
    assert [str(card.path) for card in teachers.cards] == paths
    assert teachers.weights == [2, 1] and found.size == (64, 128)
