"""Print what every network costs: python benchmarks/bench_networks.py [repetitions]."""

import sys
import time
from statistics import median

import torch
from headline import headline

from mono_depth_ros.datasets.street import street_images
from mono_depth_ros.inference.checkpoint import load_network
from mono_depth_ros.inference.model_card import ModelCard
from mono_depth_ros.networks import DepthNetwork, list_networks
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters

KITTI_SIZE, SMALL_SIZE = (192, 640), (128, 416)
THREADS = (1, 2)


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"{headline('torch')}; untrained weights")
    print('Costs of the network as built and once deployed (finest disparity only, batch norm '
          'folded);')
    print('milliseconds per 192x640 image, deployed, eager float32: wall-clock median (CPU time)')
    print('network              params M        MACs G 192x640   128x416         1 thread     '
          '2 threads')
    for name in list_networks():
        network = untrained(name)
        deployed = network.deploy()
        times = [measure(deployed, threads, repetitions) for threads in THREADS]
        print(f'{name:20s} {both(network, deployed, count_parameters, 1e6)} '
              f'{both(network, deployed, lambda net: count_conv_macs(net, KITTI_SIZE), 1e9)} '
              f'{both(network, deployed, lambda net: count_conv_macs(net, SMALL_SIZE), 1e9)} '
              + ' '.join(f'{wall:5.0f} ({cpu:4.0f})' for wall, cpu in times), flush=True)


def untrained(name: str) -> DepthNetwork:
    """Build a network whose batch norms fit its weights; else denormal numbers slow it down."""
    card = ModelCard(name=name, network=name, weights=None, seed=0, input_size=KITTI_SIZE,
                     min_depth=0.1, max_depth=100.0, depth_unit='relative', training_data='none',
                     license_code='Apache-2.0', license_weights='none')
    return load_network(card, street_images(2, KITTI_SIZE))


def both(network: DepthNetwork, deployed: DepthNetwork, count, unit: float) -> str:
    return f'{count(network) / unit:6.3f} / {count(deployed) / unit:6.3f}'


@torch.inference_mode()
def measure(network: DepthNetwork, threads: int, repetitions: int) -> tuple[float, float]:
    torch.set_num_threads(threads)
    image = torch.rand(1, 3, *KITTI_SIZE)
    network(image)
    walls, cpus = [], []
    for _ in range(repetitions):
        wall, cpu = time.perf_counter(), time.process_time()
        network(image)
        walls.append(1e3 * (time.perf_counter() - wall))
        cpus.append(1e3 * (time.process_time() - cpu))
    return median(walls), median(cpus)


if __name__ == '__main__':
    main()
