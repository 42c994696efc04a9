"""Losses of FA-Depth in the objective and in the loop: pyramid, both directions, APX."""

from dataclasses import replace

import pytest
import torch
from watched_training import Recorder

from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.inference.cards.model_card import ModelCard, write_card
from mono_depth_ros.networks import create_network
from mono_depth_ros.training.build import build
from mono_depth_ros.training.config.schema import (
    ApxConfig,
    AugmentationConfig,
    DataConfig,
    LevelWeights,
    LossConfig,
    PyramidConfig,
    TrainConfig,
)
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.train import train

SIZE = (64, 96)
LEVELS = ('lr', 'hr', 'flip', 'color')
STREET = TrainConfig(
    network='small_depth',
    data='street',
    supervision='S',
    pose_network='none',
    input_size=SIZE,
    min_depth=1.0,
    loss=LossConfig(levels=2),
    batch_size=2,
    steps=2,
    threads=1,
    accelerator='cpu',
    reading=DataConfig(workers=0, options={'frames': 2}),
)


def first_batch(setup):
    data = AugmentedData(setup.data, SIZE, AugmentationConfig(flip=0.0, jitter=0.0), 0)
    return collate([data[SampleIndex(0, place, place)] for place in range(2)]).to(
        torch.device('cpu')
    )


def objective_and_batch(**changes):
    setup = build(replace(STREET, **changes))
    return setup.objective.train(), first_batch(setup)


@pytest.fixture
def teacher(tmp_path):
    """A card of small_depth with weights of another seed."""
    torch.manual_seed(5)
    network = create_network('small_depth')
    card = ModelCard(
        name='teacher',
        network='small_depth',
        weights='teacher.safetensors',
        sha256=save_weights(network, tmp_path / 'teacher.safetensors'),
        input_size=SIZE,
        min_depth=1.0,
        max_depth=100.0,
        depth_unit='metric',
        training_data='none',
        training_K=((55.68, 0.0, 47.5), (0.0, 55.68, 31.5), (0.0, 0.0, 1.0)),
        license_code='Apache-2.0',
        license_weights='none',
    )
    write_card(card, tmp_path / 'teacher.yaml')
    return str(tmp_path / 'teacher.yaml')


def test_a_level_counts_its_own_loss_and_its_agreement():
    weights = {level: LevelWeights(0.5, 2.0, 3.0) for level in LEVELS}
    plain, batch = objective_and_batch()
    found, _ = objective_and_batch(pyramid=PyramidConfig(levels=LEVELS, current=0.25, **weights))

    whole = found(batch)
    current = plain(batch)

    torch.testing.assert_close(whole.loss, 0.25 * current.loss)
    done = whole
    for level in LEVELS:
        result = found(batch, done)
        done = result.added_to(done)
        features, disparity = (
            result.terms[f'{level}_{name}'] for name in ('features', 'disparity')
        )
        assert features > 0 and disparity > 0
        own = (result.loss.mean() - 2 * features - 3 * disparity) / 0.5
        assert 0.3 < own / current.loss.mean() < 3  # the same loss, on other images


def test_levels_agree_with_the_scene_and_not_with_what_a_focal_length_makes_of_it():
    found, batch = objective_and_batch(pyramid=PyramidConfig(levels=('hr',)))
    found.depth.eval()

    whole = found(batch)

    depth = 1 / (0.01 + 0.99 * whole.reference.disparities[0])
    focal = batch.K[0, 1, 1] / found.training_focal
    raw = found.depth(batch.target_colors)
    raw = raw if isinstance(raw, torch.Tensor) else raw.disparities[0]
    torch.testing.assert_close(depth, focal / (0.01 + 0.99 * raw), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_graph_of_one_level_is_gone_before_the_next(tmp_path):
    alive = []
    config = replace(STREET, pyramid=PyramidConfig(levels=LEVELS), steps=1, output=str(tmp_path))
    kept = [0]

    def pack(tensor):
        kept[0] += tensor.numel()
        size = tensor.numel()

        class Held:
            def __init__(self) -> None:
                self.tensor = tensor

            def __del__(self) -> None:
                kept[0] -= size

        alive.append(kept[0])
        return Held()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
        train(config)
    together = max(alive)
    alive.clear()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
        train(replace(config, pyramid=PyramidConfig(levels=('hr',))))

    # Four levels keep no more for their gradients than the largest of them.
    assert together <= 1.01 * max(alive)


@pytest.mark.slow
def test_a_pyramid_trains_and_its_agreement_is_recorded(tmp_path):
    recorder = Recorder()
    config = replace(STREET, pyramid=PyramidConfig(levels=('lr', 'flip')), output=str(tmp_path))

    train(config, [recorder])

    terms = recorder.records[2].terms
    assert {'photometric', 'lr_features', 'lr_disparity', 'flip_disparity'} <= set(terms)
    assert recorder.card is not None


def test_both_directions_are_compared_and_give_gradients():
    found, batch = objective_and_batch(loss=LossConfig(levels=1, bidirectional=True))

    result = found(batch)
    result.loss.mean().backward()

    assert {'photometric', 'structure', 'perception'} <= set(result.terms)
    assert result.loss.shape == (2,) and result.loss.isfinite().all()
    total = sum(
        getattr(LossConfig(), name) * result.terms[name]
        for name in ('photometric', 'structure', 'perception', 'smoothness')
    )
    assert result.loss.mean().item() == pytest.approx(total.item(), rel=1e-4)
    assert all(p.grad.isfinite().all() for p in found.depth.parameters() if p.grad is not None)


@pytest.mark.slow
def test_a_teacher_s_distributions_are_learnt_by_stage_and_the_mask_leaves_far_pixels_out(teacher):
    loss = LossConfig(levels=3, photometric=0.0, smoothness=0.0, apx=1.0)

    def apx(**changes):
        found, batch = objective_and_batch(
            supervision='T', teacher=teacher, loss=loss, apx=ApxConfig(**changes)
        )
        result = found(batch)
        result.loss.mean().backward()
        return result.terms['apx'].item()

    encoder, decoder, disparity = (
        apx(**({'encoder': 0.0, 'decoder': 0.0, 'disparity': 0.0} | {part: 1.0}))
        for part in ('encoder', 'decoder', 'disparity')
    )

    assert encoder > 0 and decoder > 0 and disparity > 0
    assert apx() == pytest.approx(0.01 * encoder + 0.01 * decoder + disparity, rel=1e-4)
    assert apx(encoder=0.0, decoder=0.0, farthest=1.1) < 0.1 * disparity
