"""Print what several cameras cost in one batch: python benchmarks/bench_cameras.py --help.

One estimator gets the images of all cameras at once, as the node's worker does, and then one by
one. The bar: a batch is worth 0.9 of as many single runs on a CPU, and 1.5 on a GPU.
"""

import argparse
import os
import resource
import tempfile

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # as the node has it

import numpy as np
import torch
from bench_network import text, waited
from common.headline import headline
from common.tables import Table, bar, sizes
from common.timing import side_by_side

from mono_depth_ros.datasets.street.raycast import street_images
from mono_depth_ros.evaluation.cost import untrained_card
from mono_depth_ros.inference.backends.gate import HALF_P99
from mono_depth_ros.inference.estimator import DepthEstimator

CAMERAS = (1, 2, 4, 6)
MIN = {'cpu': 0.9, 'cuda': 1.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--network', default='small_depth')
    parser.add_argument('--size', default=None, help='of the network (192x640; 128x416 on a GPU)')
    parser.add_argument('--image', default='375x1242', help='size of the images')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--backend', default='auto')
    parser.add_argument('--precision', default='float32')
    parser.add_argument('--threads', type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument('--cameras', nargs='+', type=int, default=CAMERAS)
    parser.add_argument('--seconds', type=float, default=2.0, help='for each figure')
    chosen = parser.parse_args()
    kind = torch.device(chosen.device).type
    (network_size,) = sizes([chosen.size or ('192x640' if kind == 'cpu' else '128x416')])
    (image_size,) = sizes([chosen.image])
    print(
        f'{headline("torch", "onnxruntime", "openvino")}, {chosen.device}, '
        f'{chosen.threads} threads'
    )
    print(
        f'{chosen.network} at {text(network_size)}, images of {text(image_size)}, untrained '
        'weights; medians [ms]. engine: the network alone; whole: from images to depth '
        'maps; in brackets: how many images the estimator found worth one run.\n'
    )
    with tempfile.TemporaryDirectory() as cache:
        os.environ['XDG_CACHE_HOME'] = cache
        print('\n'.join(['', *measure(chosen, network_size, image_size)]))


def measure(
    chosen: argparse.Namespace, network_size: tuple[int, int], image_size: tuple[int, int]
) -> list[str]:
    table = Table(
        cameras=7,
        backend=24,
        engine=8,
        singles=8,
        gain=6,
        whole=8,
        one_by_one=10,
        whole_gain=10,
        memory_MB=9,
    )
    lines = []
    images = [
        np.ascontiguousarray(image) for image in street_images(max(chosen.cameras), image_size)
    ]
    for cameras in chosen.cameras:
        try:
            estimator = DepthEstimator(
                untrained_card(chosen.network, network_size),
                device=chosen.device,
                precision=chosen.precision,
                backend=chosen.backend,
                cameras=cameras,
                threads=chosen.threads,
                resize_mode='stretch',
                calibration_images=images[:2],
            )
            lines += row(estimator, images[:cameras], chosen, table)
        except Exception as error:
            table.row(cameras, f'FAILED: {str(error).strip().splitlines()[0]}')
            continue
        if chosen.device != 'cpu':
            lines.append(agreement(estimator, images[:cameras]))
    return lines


def agreement(estimator: DepthEstimator, images: list[np.ndarray]) -> str:
    """Compare the depth maps, resampled on the GPU too, with those of PyTorch on the CPU."""
    plain = DepthEstimator(estimator.card, resize_mode='stretch', calibration_images=images[:2])
    if len(images) == 1:  # the batch norms of both must have seen the same
        return 'one camera: not compared'
    pairs = zip(estimator.estimate(images), plain.estimate(images))
    errors = np.concatenate([np.abs(found / wanted - 1).ravel() for found, wanted in pairs])
    p99, most = np.quantile(errors, 0.99), errors.max()
    return bar(
        f'{len(images)} depth maps against the CPU, p99 (max {most:.1e})',
        float(p99),
        HALF_P99,
        at_most=True,
    )


def row(
    estimator: DepthEstimator, images: list[np.ndarray], chosen: argparse.Namespace, table: Table
) -> list[str]:
    cameras, device = len(images), estimator.device
    estimator.warm_up([images[0].shape[:2]])
    served = estimator.served()
    one, all_ = served.engines[1], served.engines[cameras]

    def singles() -> None:
        for _ in range(cameras):
            one.run()

    with torch.inference_mode():
        times = side_by_side(
            {
                'engine': waited(all_.run, device),
                'singles': waited(singles, device),
                'whole': lambda: estimator.estimate(images),
                'one by one': lambda: [estimator.estimate([image]) for image in images],
            },
            chosen.seconds,
        )
    gains = times['singles'] / times['engine'], times['one by one'] / times['whole']
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    milliseconds = {name: f'{value:.3f}' for name, value in times.items()}
    table.row(
        cameras,
        f'{served.backend} {chosen.precision} ({served.most})',
        milliseconds['engine'],
        milliseconds['singles'],
        f'{gains[0]:.2f}',
        milliseconds['whole'],
        milliseconds['one by one'],
        f'{gains[1]:.2f}',
        f'{memory:.0f}',
    )
    if cameras != 6:
        return []
    return [
        bar(f'six cameras in one batch over six singles, {what}', gain, MIN[device.type])
        for what, gain in zip(('the network alone', 'images to depth maps'), gains)
    ]


if __name__ == '__main__':
    main()
