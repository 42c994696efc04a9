"""predict_bag writes what depth_node publishes, to the byte."""

import numpy as np
import pytest
from cards import write_small_card
from moving_bags import wall
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.cli.predict_bag import main

SIZE, STAMP = (64, 96), 1_000_000_000_123_456_789
K = np.array([[90.0, 0, 47.5], [0, 90.0, 31.5], [0, 0, 1]])
DEPTH, RELATIVE = 'depth/image_rect', 'depth_relative/image'
OUTPUTS = {
    'depth/camera_info': CameraInfo,
    'points': PointCloud2,
    'depth/color': Image,
    'image_rect': Image,
}


@pytest.mark.parametrize(
    ('unit', 'encoding', 'outputs'),
    [
        ({'depth_scale': 20.0}, '32FC1', {DEPTH: Image, **OUTPUTS}),
        ({'depth_scale': 20.0}, '16UC1', {DEPTH: Image}),
        ({}, '32FC1', {RELATIVE: Image, 'depth/color': Image}),
    ],
    ids=['metres', 'millimetres', 'relative'],
)
def test_a_bag_gets_the_bytes_that_the_node_publishes(
    tmp_path, configured, unit, encoding, outputs
):
    write_small_card(tmp_path / 'card.yaml', **unit)
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_camera_info('/camera/camera_info', STAMP, 'optical', SIZE, K, D=[0.5, 0, 0, 0])
        bag.write_image('/camera/image', STAMP, 'optical', 'bgr8', wall(0, SIZE))

    paths = [str(tmp_path / name) for name in ('bag', 'out')]
    options = ['--model', str(tmp_path / 'card.yaml'), '--threads', '1', '--backend', 'torch']
    added = ['--add', 'depth', 'info', 'cloud', 'color', 'rectified', '--max-depth', '60']
    assert main([*paths, *options, *added, '--depth-encoding', encoding]) == 0

    with open_bag(tmp_path / 'out') as reader:
        recorded = {c.topic: bytes(data) for c, _, data in reader.messages()}
    probe = configured(
        model=str(tmp_path / 'card.yaml'),
        max_depth=60.0,
        backend='torch',
        depth_encoding=encoding,
    )
    found = {output: probe.listen(output, kind) for output, kind in outputs.items()}
    infos, images = probe.advertise('camera_info', CameraInfo), probe.advertise('image', Image)

    def publish() -> None:
        infos.publish(deserialize_message(recorded['/camera/camera_info'], CameraInfo))
        images.publish(deserialize_message(recorded['/camera/image'], Image))

    probe.spin_until(lambda: all(found.values()), 'every output', each=publish)
    for output, messages in found.items():
        ours = deserialize_message(recorded[f'/{output}'], outputs[output])
        assert messages[0] == ours, output  # not as serialised: what pads a field is anything
