"""A configuration is refused before anything is built from it."""

from dataclasses import replace

import numpy as np
import pytest
from pictures import encoded, iso_media, picture

from mono_depth_ros.datasets.image_sequence import ImageSequence
from mono_depth_ros.datasets.registry import joined
from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.training.config.checks import check_config, check_data
from mono_depth_ros.training.config.schema import (
    AugmentationConfig,
    DataConfig,
    LossConfig,
    OptimizerConfig,
    PyramidConfig,
    TrainConfig,
)

IMAGE = np.zeros((4, 6, 3), np.uint8)


def changed(**changes):
    return replace(TrainConfig(), **changes)


def test_the_defaults_can_be_trained_with():
    check_config(TrainConfig())


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'batch_size': 0}, 'batch_size is 0; expected 1 or more'),
        ({'accumulate': 0}, 'accumulate is 0; expected 1 or more'),
        ({'seed': -1}, 'seed is -1; expected 0 or more'),
        ({'pose_reduction': 0}, 'pose_reduction is 0; expected 1'),
        ({'loss': LossConfig(levels=0)}, r'loss\.levels is 0; expected 1'),
        ({'loss': LossConfig(smoothness=-1.0)}, r'loss\.smoothness is -1\.0; expected 0'),
        ({'optimizer': OptimizerConfig(learning_rate=float('nan'))}, 'learning_rate is nan'),
        (
            {'optimizer': OptimizerConfig(encoder_factor=-0.1)},
            r'encoder_factor is -0\.1; expected 0',
        ),
        ({'optimizer': OptimizerConfig(average=1.5)}, r'average is 1\.5; expected a share'),
        (
            {'optimizer': OptimizerConfig(average=1.0)},
            'average is 1, which never takes anything in',
        ),
        ({'loss': LossConfig(ssim=2.0)}, r'loss\.ssim is 2\.0; expected a share from 0 to 1'),
        ({'augmentation': AugmentationConfig(flip=-0.5)}, r'augmentation\.flip is -0\.5'),
        ({'reading': DataConfig(workers=-1)}, r'reading\.workers is -1; expected 0'),
        ({'min_depth': 0.0}, r'min_depth 0\.0, .*expected 0 < min_depth < max_depth'),
        ({'max_depth': 0.1}, r'max_depth 0\.1 .* make no range of depth'),
        ({'depth_scale': 0.0}, r'depth_scale 0\.0 .*a depth_scale above 0'),
        ({'reading': DataConfig(offsets=(-1, 0))}, r'\(-1, 0\) compare a frame with itself'),
        ({'augmentation': AugmentationConfig(zoom=(0.5, 1.0))}, r'augmentation\.zoom is'),
    ],
)
def test_values_out_of_range_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        check_config(changed(**changes))


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'loss': LossConfig(distillation=1.0)}, 'Distillation needs a teacher'),
        ({'supervision': 'T'}, 'Distillation needs a teacher'),
        ({'teacher': 'card'}, r'loss\.distillation, loss\.apx and loss\.features are 0'),
        (
            {
                'supervision': 'T',
                'teacher': 'card',
                'held_out': 'val.txt',
                'loss': LossConfig(distillation=1.0, photometric=0.0),
            },
            r"held_out 'val\.txt' asks",
        ),
        ({'supervision': 'T', 'teacher': 'card'}, r'set loss\.photometric 0'),
        ({'loss': LossConfig(photometric=0.0)}, 'No part of the loss looks at depth'),
        ({'loss': LossConfig(hints=1.0)}, 'need stereo pairs: supervision S or MS'),
        ({'stereo_split': 'pairs.txt'}, 'need stereo pairs: supervision S or MS'),
        (
            {'loss': LossConfig(hints=1.0), 'supervision': 'MS', 'data': 'rosbag'},
            "data 'rosbag' has no depth hints",
        ),
        ({'augmentation': AugmentationConfig(mix=0.5)}, 'boxes show what is in no source'),
        ({'augmentation': AugmentationConfig(boxes=0.5)}, 'boxes show what is in no source'),
        (
            {
                'augmentation': AugmentationConfig(boxes=0.5),
                'supervision': 'MS',
                'loss': LossConfig(bidirectional=True, hints=1.0),
            },
            'blend and boxes 0',
        ),
        ({'augmentation': AugmentationConfig(camera_height=0.0)}, r'camera_height is 0\.0'),
        (
            {
                'augmentation': AugmentationConfig(mix=0.6, overlay=0.6),
                'supervision': 'MS',
                'loss': LossConfig(hints=1.0),
            },
            r'1\.2 together; expected 1 at most',
        ),
        (
            {
                'augmentation': AugmentationConfig(overlay=0.5),
                'supervision': 'T',
                'teacher': 'card',
                'loss': LossConfig(distillation=1.0, photometric=0.0),
            },
            'has to know what is nearer',
        ),
        (
            {
                'augmentation': AugmentationConfig(blend=0.5),
                'teacher': 'card',
                'loss': LossConfig(distillation=1.0),
            },
            'blend shows two scenes in every pixel',
        ),
        (
            {
                'augmentation': AugmentationConfig(blend=0.5),
                'supervision': 'MS',
                'loss': LossConfig(hints=1.0, photometric=0.0),
            },
            'which only a teacher explains',
        ),
        (
            {
                'supervision': 'T',
                'teacher': 'card',
                'loss': LossConfig(features=1.0, photometric=0.0),
            },
            'No part of the loss looks at depth',
        ),
        ({'reading': DataConfig(offsets=())}, r'reading\.offsets is empty'),
        ({'pyramid': PyramidConfig(levels=('lr', 'lr'))}, 'name a level twice'),
        ({'pyramid': PyramidConfig(hr_factor=0.0)}, r'pyramid\.hr_factor is 0\.0'),
        (
            {'pyramid': PyramidConfig(levels=('flip',)), 'multi_resolution': True},
            'leave one of them',
        ),
        (
            {'loss': LossConfig(bidirectional=True), 'multi_resolution': True},
            'multi_resolution false',
        ),
        ({'loss': LossConfig(apx=1.0)}, 'Distillation needs a teacher'),
        ({'teacher': 'one, two', 'loss': LossConfig(apx=1.0)}, "'one, two' names several"),
        ({'loss': LossConfig(velocity=1.0), 'supervision': 'S'}, 'needs neighbours in time'),
    ],
)
def test_combinations_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_config(changed(**changes))


def data(count, **special):
    """Return samples with one neighbour each; `special` changes the source of one of them."""
    samples = [TrainingSample(IMAGE, (Source(IMAGE, 1),), np.eye(3), 'made') for _ in range(count)]
    if special:
        middle = count // 2
        source = replace(samples[middle].sources[0], **special)
        samples[middle] = replace(samples[middle], sources=(source,))
    return samples


def test_metres_that_are_promised_have_to_be_in_the_data():
    stereo, velocity = changed(supervision='MS'), changed(loss=LossConfig(velocity=0.1))

    with pytest.raises(ValueError, match='MS needs stereo partners, but the data have none'):
        check_data(stereo, data(5))
    with pytest.raises(ValueError, match=r'needs measured distances.*poses\.txt'):
        check_data(velocity, data(5))
    check_data(changed(), data(5))


def test_some_samples_with_metres_are_enough():
    check_data(changed(supervision='MS'), data(5, offset=0))
    check_data(changed(loss=LossConfig(velocity=0.1)), data(5, distance=0.9))


def test_the_baseline_of_a_partner_is_no_measured_motion():
    config = changed(loss=LossConfig(velocity=0.1), supervision='MS')

    with pytest.raises(ValueError, match='measured distances'):
        check_data(config, data(5, offset=0, distance=0.54))


def test_without_a_pose_network_every_pose_must_be_known():
    config = changed(pose_network='none')

    with pytest.raises(ValueError, match=r'M needs a pose_network: .*known_poses true'):
        check_data(config, data(5))
    with pytest.raises(ValueError, match='needs a pose_network'):
        check_data(config, data(5, source_from_target=np.eye(4)))
    check_data(config, data(1, source_from_target=np.eye(4)))
    teacher = LossConfig(photometric=0.0, distillation=1.0)
    check_data(changed(pose_network='none', loss=teacher), data(5))


def test_a_triplet_loss_without_label_maps_is_skipped_with_a_note():
    config = changed(loss=LossConfig(triplet=0.1))
    labelled = [replace(data(1)[0], labels=np.zeros(IMAGE.shape[:2], np.uint8))]

    (note,) = check_data(config, data(3))

    assert 'the triplet loss is left out' in note and 'reading.options.labels' in note
    assert check_data(config, labelled) == check_data(changed(), data(3)) == []


def test_a_sample_is_read_once_whatever_is_asked_of_it():
    class Counted(list):
        def __getitem__(self, index):
            reads.append(index)
            return super().__getitem__(index)

    reads = []
    config = changed(
        supervision='MS', pose_network='none', loss=LossConfig(velocity=0.1, triplet=0.1)
    )
    pair = Source(IMAGE, 0, np.eye(4)), Source(IMAGE, 1, np.eye(4), 0.9)

    check_data(config, Counted([replace(data(1)[0], sources=pair) for _ in range(40)]))

    assert len(reads) == len(set(reads)) == 20


def test_files_of_a_folder_that_are_not_read_are_noted(tmp_path):
    images = tmp_path / 'images'
    images.mkdir()
    for index in range(3):
        (images / f'{index}.png').write_bytes(encoded('PNG', np.roll(picture(), 9 * index, 1)))
    (images / 'b.heic').write_bytes(iso_media('heic', 'mif1'))
    camera = tmp_path / 'camera.yaml'
    camera.write_text(
        'image_width: 96\nimage_height: 64\n'
        'camera_matrix: {data: [90, 0, 48, 0, 90, 32, 0, 0, 1]}\n'
    )
    sequence = ImageSequence(images, camera, min_motion=0)

    for found in (sequence, joined([sequence, data(3)])):
        assert check_data(changed(), found) == [
            f'1 files of {images} are left out: b.heic: HEIC, not read: convert it to JPEG or PNG.'
        ]
