"""Print what every network costs: python benchmarks/bench_networks.py [repetitions]."""

import sys

from headline import headline

from mono_depth_ros.evaluation.cost import measure_latency, untrained_network
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
        network = untrained_network(name, KITTI_SIZE)
        deployed = network.deploy()
        times = [measure_latency(deployed, KITTI_SIZE, threads, repetitions)
                 for threads in THREADS]
        print(f'{name:20s} {both(network, deployed, count_parameters, 1e6)} '
              f'{both(network, deployed, lambda net: count_conv_macs(net, KITTI_SIZE), 1e9)} '
              f'{both(network, deployed, lambda net: count_conv_macs(net, SMALL_SIZE), 1e9)} '
              + ' '.join(f'{wall:5.0f} ({cpu:4.0f})' for wall, cpu in times), flush=True)


def both(network: DepthNetwork, deployed: DepthNetwork, count, unit: float) -> str:
    return f'{count(network) / unit:6.3f} / {count(deployed) / unit:6.3f}'


if __name__ == '__main__':
    main()
