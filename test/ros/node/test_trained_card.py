"""The whole way round: a bag, a training on it, its card, and the node that runs it."""

import subprocess
import sys

import numpy as np
from sensor_msgs.msg import Image

from mono_depth_ros.demo.bag import write_street_bag

SIZE = (96, 160)


def test_a_bag_becomes_a_card_and_the_node_runs_it(tmp_path, start_node):
    bag = tmp_path / 'street_bag'
    write_street_bag(bag, 8, SIZE)
    command = [
        sys.executable,
        '-m',
        'mono_depth_ros.cli.train_depth',
        '--recipe',
        'small_depth',
        '--data',
        'rosbag',
        '--root',
        str(bag),
        '--input_size',
        '[64, 128]',
        '--steps',
        '3',
        '--batch_size',
        '2',
        '--threads',
        '1',
        '--reading.workers',
        '1',
        '--name',
        'from_bag',
        '--loss.velocity',
        '0.05',
        '--reading.options.speed',
        '8.0',
        '--output',
        str(tmp_path / 'run'),
    ]
    subprocess.run(command, check=True, capture_output=True)

    probe, process = start_node(model=str(tmp_path / 'run' / 'card'))
    depths = probe.listen('depth/image_rect', Image)
    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))

    depth = np.frombuffer(bytes(depths[0].data), np.float32)
    assert (depths[0].height, depths[0].width) == SIZE and (depth > 0).any()
    assert "'from_bag' is ready" in process.log()
