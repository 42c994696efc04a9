"""Print what the training loop adds to its networks: python benchmarks/bench_training.py [name …].

Images per second of the whole loop (files read by two workers, augmentation, losses, optimiser)
over those of a bare forward and backward pass of the same depth and pose networks.
"""

import os

os.environ.setdefault('GOMP_SPINCOUNT', '10000')  # as train_depth has it

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import torch
from common.headline import headline

from mono_depth_ros.datasets.splits import SplitEntry, write_split
from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.machine import keep_freed_memory
from mono_depth_ros.training.build import build
from mono_depth_ros.training.callbacks.base import Callback
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.config.schema import DataConfig, LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, Batch, SampleIndex, collate
from mono_depth_ros.training.losses.step_result import StepImages
from mono_depth_ros.training.train import train

# As the recipes have them: how many levels each network is trained at.
LEVELS = {'monodepth2_resnet18': 4, 'hr_depth': 4, 'lite_hr_depth': 4, 'small_depth': 3}
BATCH, SIZE, CAMERA = 4, (192, 640), (375, 1242)
FRAMES, DRIVE = 24, '2011_09_26/2011_09_26_drive_0001_sync'
WARM, STEPS, ROUNDS = 3, 9, 3


def main() -> None:
    keep_freed_memory()  # as train_depth does
    print(headline('torch', 'lightning-fabric'))
    print(
        f'images/s at {SIZE[0]}x{SIZE[1]}, batch {BATCH}, 2 workers, {torch.get_num_threads()} '
        f'threads, float32; median of {ROUNDS} rounds'
    )
    print('network                  loop    bare   ratio   waiting for data')
    with tempfile.TemporaryDirectory() as folder:
        write_drive(Path(folder))
        for network in sys.argv[1:] or LEVELS:
            measure(network, Path(folder))


def write_drive(folder: Path) -> None:
    """Write a drive through the street as KITTI has them: colour images of a camera's size."""
    images = folder / DRIVE / 'image_02' / 'data'
    images.mkdir(parents=True)
    for number in range(FRAMES):
        frame = render_frame(Street(), number, CAMERA)
        cv2.imwrite(str(images / f'{number:010}.jpg'), frame.image[..., ::-1])
    P = ' '.join(f'{value:e}' for row in frame.K for value in (*row, 0.0))
    (folder / '2011_09_26' / 'calib_cam_to_cam.txt').write_text(
        f'S_rect_02: {CAMERA[1]} {CAMERA[0]}\nP_rect_02: {P}\n'
    )
    write_split(
        folder / 'split.txt', [SplitEntry(DRIVE, number, 'l') for number in range(1, FRAMES - 1)]
    )


class Stopwatch(Callback):
    """Keeps the seconds of every step."""

    def __init__(self) -> None:
        self.records: list[StepMeans] = []

    def on_step(self, record: StepMeans, pictures: StepImages) -> None:
        self.records.append(record)


def measure(network: str, folder: Path) -> None:
    config = TrainConfig(
        network=network,
        root=str(folder),
        split=str(folder / 'split.txt'),
        batch_size=BATCH,
        steps=WARM + STEPS,
        input_size=SIZE,
        loss=LossConfig(levels=LEVELS.get(network, 1)),
        reading=DataConfig(workers=2),
        accelerator='cpu',
        output=str(folder / network),
    )
    loops, bares, waits = [], [], []
    for _ in range(ROUNDS):
        watch = Stopwatch()
        train(config, [watch])
        steps = watch.records[WARM:]
        loops.append(median(BATCH / record.seconds for record in steps))
        waits.append(sum(r.waited for r in steps) / sum(r.seconds for r in steps))
        bares.append(bare(config))
    ratio = median(loop / alone for loop, alone in zip(loops, bares))
    print(
        f'{network:22s} {median(loops):6.2f}  {median(bares):6.2f}  {ratio:6.2f}   '
        f'{100 * median(waits):.0f} %',
        flush=True,
    )


def bare(config: TrainConfig) -> float:
    """Return the images/s of the networks alone, on one batch."""
    setup = build(config)
    objective = setup.objective.train()
    data = AugmentedData(setup.data, SIZE, config.augmentation, 0)
    batch = collate([data[SampleIndex(0, place, place)] for place in range(BATCH)])
    batch = batch.to(torch.device('cpu'))
    return median(BATCH / one_pass(objective, batch) for _ in range(WARM + STEPS))


def one_pass(objective: torch.nn.Module, batch: Batch) -> float:
    start = time.perf_counter()
    disparities = objective.depth(batch.target_colors).disparities
    motion = objective.pose(batch.target_colors[batch.sample_of], batch.source_colors)
    (sum(disparity.mean() for disparity in disparities) + motion.mean()).backward()
    seconds = time.perf_counter() - start
    objective.zero_grad()
    return seconds


if __name__ == '__main__':
    main()
