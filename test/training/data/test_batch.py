"""Which sample at which step, and what a batch of them holds."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mono_depth_ros.datasets.sample import Source, TrainingSample
from mono_depth_ros.training.config.schema import AugmentationConfig
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, StepSampler, collate

SIZE = (32, 64)
K = np.array([[50.0, 0, 31.5], [0, 50, 15.5], [0, 0, 1]])
VARIED = AugmentationConfig(zoom=(1.0, 1.5))
PLAIN = AugmentationConfig(flip=0.0, jitter=0.0)


class Noise:
    """Every sample its own noise; odd ones have no later neighbour, the fifth has a partner."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        random = np.random.default_rng(index)
        images = random.integers(0, 256, (4, *SIZE, 3), np.uint8)
        sources = [Source(images[1], -1)]
        if index % 2 == 0:
            sources.append(Source(images[2], 1, distance=0.5 + index))
        if index == 5:
            pose = np.eye(4)
            pose[0, 3] = -0.54
            sources.append(Source(images[3], 0, pose, 0.54))
        hint = np.full(SIZE, 9, np.float32) if index == 5 else None
        return TrainingSample(images[0], tuple(sources), K, f'noise {index}', hint)


class Alone(Noise):
    """Targets without any source, as a teacher needs them."""

    def __getitem__(self, index):
        return TrainingSample(super().__getitem__(index).target, (), K, 'alone')


def sampled(sampler):
    return [sample for batch in sampler for sample in batch]


def batch_of(*numbers, data=None, options=PLAIN):
    augmented = AugmentedData(data or Noise(), SIZE, options, seed=0)
    return collate(
        [augmented[SampleIndex(0, place, number)] for place, number in enumerate(numbers)]
    )


@pytest.mark.parametrize('global_batch', [1, 2, 3, 5])
def test_every_epoch_takes_every_sample_once_in_its_own_order(global_batch):
    sampler = StepSampler(10, global_batch, seed=4, first_step=0, steps=30 // global_batch)

    numbers = [sample.data_index for sample in sampled(sampler)]

    epochs = [numbers[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_step_that_does_not_fill_its_epoch_goes_on_into_the_next():
    sampler = StepSampler(7, 4, 0, first_step=0, steps=7)
    numbers = [sample.data_index for sample in sampled(sampler)]

    assert len(numbers) == 28 and set(Counter(numbers).values()) == {4}


def test_data_smaller_than_a_batch_is_taken_several_times_a_step():
    step = StepSampler(3, 8, 0, first_step=0, steps=1).step(5)

    assert len(step) == 8
    assert sorted(Counter(sample.data_index for sample in step).values()) in ([2, 3, 3], [2, 2, 4])


def test_a_resumed_training_takes_the_samples_it_would_have_taken():
    straight = sampled(StepSampler(11, 4, 9, first_step=0, steps=20))

    resumed = sampled(StepSampler(11, 4, 9, first_step=13, steps=20))

    assert resumed == straight[4 * 13 :]


def test_other_seeds_take_other_samples():
    first, second = (sampled(StepSampler(50, 10, seed, 0, 1)) for seed in (0, 1))

    assert first != second


def test_processes_share_a_step_without_overlap():
    whole = list(StepSampler(11, 6, 2, 0, 4))
    ranks = [list(StepSampler(11, 6, 2, 0, 4, rank, 3)) for rank in range(3)]

    for step, expected in enumerate(whole):
        assert [sample for rank in ranks for sample in rank[step]] == expected


def test_parts_cut_a_process_share_of_every_step():
    sampler = StepSampler(11, 8, 2, first_step=1, steps=3, rank=1, world=2, parts=2)

    batches = list(sampler)

    assert len(batches) == len(sampler) == 4
    assert [len(batch) for batch in batches] == [2] * 4
    assert batches[0] + batches[1] == sampler.step(1)[4:]
    assert batches[2] + batches[3] == sampler.step(2)[4:]


def load(workers):
    data = AugmentedData(Noise(), SIZE, VARIED, seed=3)
    sampler = StepSampler(7, 4, 3, first_step=0, steps=3)
    return list(DataLoader(data, batch_sampler=sampler, num_workers=workers, collate_fn=collate))


def test_chance_does_not_depend_on_how_many_workers_read():
    for alone, shared in zip(load(0), load(2), strict=True):
        assert alone.names == shared.names
        for name in ('target', 'target_colors', 'source', 'source_colors', 'K', 'seed'):
            assert torch.equal(getattr(alone, name), getattr(shared, name)), name


def test_chance_depends_on_seed_step_and_place():
    def seen(seed=3, step=2, place=1):
        augmented, later = AugmentedData(Noise(), SIZE, VARIED, seed)[SampleIndex(step, place, 4)]
        return augmented.sample.K.tolist(), augmented.target_colors.tolist(), later

    assert seen() == seen()
    for changed in ({'seed': 4}, {'step': 3}, {'place': 2}):
        assert all(a != b for a, b in zip(seen(), seen(**changed), strict=True)), changed


def test_a_batch_lists_the_sources_of_all_its_samples():
    batch = batch_of(4, 5, 1)

    assert batch.sample_of.tolist() == [0, 0, 1, 1, 2]
    assert batch.slot_of.tolist() == [0, 1, 0, 1, 0]
    assert batch.offset.tolist() == [-1, 1, -1, 0, -1]
    assert batch.names == ['noise 4', 'noise 5', 'noise 1']
    samples = [Noise()[number] for number in (4, 5, 1)]
    expected = np.stack([source.image for sample in samples for source in sample.sources])
    assert np.array_equal(batch.source.permute(0, 2, 3, 1), expected)
    assert np.array_equal(
        batch.target.permute(0, 2, 3, 1), np.stack([sample.target for sample in samples])
    )


def test_what_is_not_known_is_nan():
    batch = batch_of(4, 5)

    assert batch.pose[:, 0, 0].isnan().tolist() == [True, True, True, False]
    assert batch.pose[3, 0, 3].item() == pytest.approx(-0.54)
    assert batch.distance.isnan().tolist() == [True, False, True, False]
    assert batch.distance[1] == 4.5
    assert batch.hint[0].isnan().all() and (batch.hint[1] == 9).all()
    assert batch.hint.shape == (2, 1, *SIZE)


@pytest.mark.parametrize(
    'option, what',
    [('mix', 'with a strip of'), ('overlay', 'with what is nearer of'), ('blend', 'blended with')],
)
def test_as_many_samples_as_asked_for_show_another(option, what):
    data = AugmentedData(
        Noise(), SIZE, AugmentationConfig(flip=0.0, jitter=0.0, **{option: 0.5}), seed=0
    )

    names = [data[SampleIndex(0, place, 1)][0].sample.name for place in range(60)]

    assert 18 <= sum(what in name for name in names) <= 42
    assert len(set(names)) == 8


def test_bytes_become_the_unit_range_on_their_device_and_only_once():
    batch = batch_of(4)

    moved = batch.to(torch.device('cpu'))

    assert batch.target.dtype == torch.uint8 and moved.target.dtype == torch.float32
    torch.testing.assert_close(moved.source * 255, batch.source.float())
    assert torch.equal(moved.to(torch.device('cpu')).target, moved.target)
    assert torch.equal(moved.sample_of, batch.sample_of)


def test_targets_without_sources_make_a_batch():
    batch = batch_of(0, 1, data=Alone())

    assert batch.target.shape == (2, 3, *SIZE)
    assert batch.source.shape == batch.source_colors.shape == (0, 3, *SIZE)
    assert batch.pose.shape == (0, 4, 4) and batch.distance.shape == (0,)


def test_every_sample_keeps_its_own_camera():
    batch = batch_of(0, 1, 2, options=VARIED)

    assert batch.K.shape == (3, 3, 3)
    assert len(set(batch.K[:, 0, 0].tolist())) == 3
