"""Print what evaluating costs beside the network: python bench_evaluation.py [frames] [card].

A stand-in of Eigen's 697 test frames is written first: full-size noisy PNGs and whole scans of a
64-beam lidar, eight different ones under all the names.
"""

import os
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from common.headline import headline

from mono_depth_ros.datasets.splits import SplitEntry, write_split
from mono_depth_ros.datasets.street.raycast import street_images
from mono_depth_ros.evaluation.protocol.evaluate import evaluate_frames
from mono_depth_ros.evaluation.protocol.kitti import KittiFrames
from mono_depth_ros.evaluation.protocol.predictors import card_factor, network_predictor
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import load_card

FRAMES, DIFFERENT, BATCH = 697, 8, 2
SIZE = (375, 1242)
DAY = '2011_09_26'
DRIVE = f'{DAY}/{DAY}_drive_0001_sync'
CALIBRATION = """
S_rect_02: 1242 375
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 721.5 0 609.6 44.9 0 721.5 172.9 0.2 0 0 1 0.003
"""
SCANNER = 'R: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.08 -0.27\n'
RINGS, TURN, HEIGHT = np.radians(np.linspace(2, -24.8, 64)), 1900, 1.73
MEGABYTE = 1e6


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    card = load_card(sys.argv[2] if len(sys.argv) > 2 else 'lite_hr_depth_lite0')
    print(headline('torch', 'numpy', 'opencv-python-headless'))
    network = load_network(card).deploy()
    predict = network_predictor(network, card.input_size, card.min_depth, card.max_depth)
    with tempfile.TemporaryDirectory() as folder:
        frames = KittiFrames(folder, write_data(Path(folder), count))
        evaluate_frames(KittiFrames(folder, frames.entries[: 2 * BATCH]), predict)
        before = bare(network, card.input_size, count // 2)
        used: list[float] = []
        evaluation, result = timed(
            partial(
                evaluate_frames,
                frames,
                predict,
                batch_size=BATCH,
                depth_factor=partial(card_factor, card),
                on_image=lambda _: used.append(memory()),
            )
        )
        after = bare(network, card.input_size, count - count // 2)
    assert len(result.images) == count
    alone = before + after
    print(
        f'{card.name}, {count} images of {SIZE[0]}x{SIZE[1]} with whole scans, ground truth '
        f'lidar, batch {BATCH}, {torch.get_num_threads()} threads'
    )
    for name, whole, network_only in zip(('wall clock', 'CPU time'), evaluation, alone):
        print(
            f'{name:10}: evaluation {whole:6.1f} s, network alone {network_only:6.1f} s, '
            f'ratio {whole / network_only:.2f}'
        )
    early = min(count - 1, 100)
    print(
        f'memory    : {used[early]:.0f} MB after {early + 1} images, {used[-1]:.0f} MB after '
        f'{count}, most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB'
    )


def write_data(root: Path, count: int) -> Path:
    """Write so many frames, hard links to a few different ones; return their split."""
    images = root / DRIVE / 'image_02' / 'data'
    scans = root / DRIVE / 'velodyne_points' / 'data'
    for folder in (images, scans):
        folder.mkdir(parents=True)
    (root / DAY / 'calib_cam_to_cam.txt').write_text(CALIBRATION)
    (root / DAY / 'calib_velo_to_cam.txt').write_text(SCANNER)
    rng = np.random.default_rng(0)
    for index, street in enumerate(street_images(DIFFERENT, SIZE)):
        noisy = street + rng.normal(0, 4, street.shape)
        cv2.imwrite(str(images / f'{index:010}.png'), np.clip(noisy, 0, 255).astype(np.uint8))
        scan(rng).tofile(scans / f'{index:010}.bin')
    for index in range(DIFFERENT, count):
        for folder, ending in ((images, 'png'), (scans, 'bin')):
            os.link(folder / f'{index % DIFFERENT:010}.{ending}', folder / f'{index:010}.{ending}')
    write_split(root / 'split.txt', [SplitEntry(DRIVE, index, 'l') for index in range(count)])
    return root / 'split.txt'


def scan(rng: np.random.Generator) -> np.ndarray:
    """Return (121600, 4) points of a whole turn over flat ground among walls 4 to 60 m away."""
    azimuth, elevation = np.meshgrid(np.linspace(-np.pi, np.pi, TURN, endpoint=False), RINGS)
    walls = np.repeat(rng.uniform(4, 60, TURN // 50), 50)[None] / np.cos(elevation)
    down = np.where(elevation < 0, -np.sin(elevation), np.inf)
    distance = np.minimum(walls, HEIGHT / down)
    points = [
        distance * np.cos(elevation) * np.cos(azimuth),
        distance * np.cos(elevation) * np.sin(azimuth),
        distance * np.sin(elevation),
        np.full(distance.shape, 0.5),
    ]
    return np.stack(points, axis=-1).reshape(-1, 4).astype(np.float32)


def bare(network: torch.nn.Module, size: tuple[int, int], count: int) -> np.ndarray:
    """Return the wall and CPU time [s] of the network on so many images, and nothing else."""
    batch = torch.rand(BATCH, 3, *size)

    def run() -> None:
        with torch.inference_mode():
            for start in range(0, count, BATCH):
                network(batch[: count - start])

    return timed(run)[0]


def timed(function):
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return np.array([time.perf_counter() - wall, time.process_time() - cpu]), result


def memory() -> float:
    """Return what the process holds [MB]."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / MEGABYTE


if __name__ == '__main__':
    main()
