"""Learn depth and motion from scratch on the street, and compare both with the truth.

python benchmarks/bench_street_training.py [steps]     (on a GPU where there is one)

Nothing but images and intrinsics is learnt from; the held-out frames are of another street. Depth
is compared after median scaling, as the field does for training without metres.
"""

import os

os.environ.setdefault('GOMP_SPINCOUNT', '10000')  # as train_depth has it

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common.headline import headline

from mono_depth_ros.datasets.street.data import StreetData
from mono_depth_ros.datasets.street.raycast import Street, render_frame, street_pose
from mono_depth_ros.evaluation.metrics import depth_metrics, mean_metrics, spearman
from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.preprocessing import to_network_input
from mono_depth_ros.machine import keep_freed_memory
from mono_depth_ros.networks.pose import create_pose_network
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.checkpoints import load_checkpoint
from mono_depth_ros.training.config.schema import (
    AugmentationConfig,
    DataConfig,
    LossConfig,
    OptimizerConfig,
    OtherData,
    TrainConfig,
)
from mono_depth_ros.training.losses.step_result import StepImages
from mono_depth_ros.training.losses.view_synthesis import find_motion
from mono_depth_ros.training.train import train

SIZE, STEPS, FARTHEST = (96, 320), 1500, 80.0
TRAINING_STREETS, FRAMES, SPACING = (0, 1, 2, 3), 40, 3
HELD_OUT_STREET, HELD_OUT_FRAMES = 7, 20


def main() -> None:
    keep_freed_memory()  # as train_depth does
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    print(headline('torch'))
    with tempfile.TemporaryDirectory() as folder:
        config = street_recipe(Path(folder), steps)
        start = time.monotonic()
        card = train(config, [Progress()])
        minutes = (time.monotonic() - start) / 60
        report(config, load_network(card).eval(), minutes)


def street_recipe(folder: Path, steps: int) -> TrainConfig:
    first, *others = (
        {'frames': FRAMES, 'spacing': SPACING, 'seed': seed} for seed in TRAINING_STREETS
    )
    return TrainConfig(
        network='small_depth',
        network_options={'block_drop': 0.0},
        data='street',
        supervision='M',
        input_size=SIZE,
        min_depth=1.0,
        max_depth=100.0,
        pose_network='resnet18_pair',
        batch_size=4,
        steps=steps,
        output=str(folder),
        reading=DataConfig(workers=0, keep=True, options=first),
        also=[OtherData(data='street', options=options) for options in others],
        augmentation=AugmentationConfig(jitter=0.5),
        # Masked from the start, a pose network that starts from scratch is not told where to go:
        # it still goes sideways after 1,500 steps.
        loss=LossConfig(levels=3, auto_mask_from=0.3),
        optimizer=OptimizerConfig(
            name='adamw', learning_rate=1e-3, schedule='cosine', warmup_steps=50
        ),
    )


class Progress(Callback):
    """A line now and then."""

    def on_step(self, record: StepMeans, pictures: StepImages) -> None:
        if record.step % 100 == 0:
            print(
                f'  step {record.step:5d}: reprojection {record.terms["reprojection"]:.4f}',
                flush=True,
            )


def report(config: TrainConfig, network: torch.nn.Module, minutes: float) -> None:
    held_out = [
        render_frame(Street(HELD_OUT_STREET), 3 + 7 * number, SIZE)
        for number in range(HELD_OUT_FRAMES)
    ]
    images = to_network_input([frame.image for frame in held_out], SIZE)
    with torch.inference_mode():
        disparity = network(images)[:, 0].numpy()
    depths = disparity_to_depth(disparity, config.min_depth, config.max_depth)
    truths = [frame.depth for frame in held_out]
    profile = row_prior()
    prior = [np.broadcast_to(1 / profile[:, None], SIZE)] * len(truths)
    ranks = [spearman(d[t < FARTHEST], t[t < FARTHEST]) for d, t in zip(depths, truths)]
    learnt, guessed = error(depths, truths), error(prior, truths)
    print(
        f'{config.steps} steps of {config.batch_size} at {SIZE[0]}x{SIZE[1]} in '
        f'{minutes:.0f} min, {HELD_OUT_FRAMES} held-out frames of another street:'
    )
    print(f'  Spearman rank correlation   {np.mean(ranks):.3f}   (bar: 0.9 or more)')
    print(f'  AbsRel                      {learnt:.3f}')
    print(
        f'  AbsRel of the row prior     {guessed:.3f}   ratio {learnt / guessed:.2f} '
        '(bar: 0.5 or less)'
    )
    print(f'  direction of motion, error  {motion_error(config):.1f} degrees (bar: 5 or less)')


def row_prior() -> np.ndarray:
    """Return the mean inverse depth (H,) of every row of the streets trained on [1/m]."""
    depths = [
        render_frame(Street(seed), 1 + number * SPACING, SIZE).depth
        for seed in TRAINING_STREETS
        for number in range(0, FRAMES, 4)
    ]
    return np.mean([1 / depth for depth in depths], axis=(0, 2)).clip(1 / FARTHEST)


def error(depths: list, truths: list) -> float:
    metrics = []
    for depth, truth in zip(depths, truths):
        seen = truth < FARTHEST
        scale = np.median(truth[seen]) / np.median(depth[seen])
        metrics.append(depth_metrics(np.clip(depth[seen] * scale, 1e-3, FARTHEST), truth[seen]))
    return mean_metrics(metrics).abs_rel


def motion_error(config: TrainConfig) -> float:
    """Return the mean angle between found and true translation of held-out neighbours."""
    pose = create_pose_network(config.pose_network)
    weights = load_checkpoint(Path(config.output))['objective']
    pose.load_state_dict(
        {
            name.removeprefix('pose.'): weight
            for name, weight in weights.items()
            if name.startswith('pose.')
        }
    )
    pose.eval()
    data = StreetData(SIZE, (1,), frames=HELD_OUT_FRAMES, seed=HELD_OUT_STREET, spacing=7, first=3)
    angles = []
    for number in range(len(data)):
        sample = data[number]
        target, source = (
            to_network_input([image], SIZE) for image in (sample.target, sample.sources[0].image)
        )
        with torch.inference_mode():
            found = find_motion(pose, target, source, torch.tensor([1]))[0, :3, 3].numpy()
        index = data.first + number * data.spacing
        true = (np.linalg.inv(street_pose(index + 1)) @ street_pose(index))[:3, 3]
        cosine = found @ true / np.linalg.norm(found) / np.linalg.norm(true)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return float(np.mean(angles))


if __name__ == '__main__':
    main()
