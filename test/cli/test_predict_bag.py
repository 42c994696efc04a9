"""The executable predict_bag, from bags of both kinds to a bag with depth."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import yaml
from bags import START, write_ros1_bag
from cards import UNTRAINED, write_small_card
from moving_bags import INFO, TOPIC, K, wall, write_image
from rosbags.typesys import Stores, get_typestore

from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.cli.predict_bag import main
from mono_depth_ros.inference.cards.model_card import load_card, write_card
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.messages.point_cloud import unpack_cloud
from mono_depth_ros.stamps import stamp_of

SIZE = (64, 96)
STAMP = 1_000_000_000_123_456_789
LATENCY = 7_000_000  # [ns] from the stamp to the recording


@pytest.fixture(scope='module')
def cards(tmp_path_factory):
    """A card with and a card without metres."""
    folder = tmp_path_factory.mktemp('cards')
    write_card(replace(UNTRAINED, network='small_depth'), folder / 'relative.yaml')
    write_small_card(folder / 'scaled.yaml', depth_scale=20.0)
    return folder


def write_bag(path, images=None, storage='mcap', **info):
    """Write images whose log time is later than their stamp, a name and fixed transforms."""
    images = [wall(0, SIZE), wall(9, SIZE)] if images is None else images
    types = get_typestore(Stores.ROS2_JAZZY)
    text = types.types['std_msgs/msg/String'](data='robot')
    data = types.serialize_cdr(text, text.__msgtype__)
    with BagWriter(path, storage) as bag:
        bag.write_transforms('/tf_static', STAMP, [('base_link', 'optical', np.eye(4))])
        for index, image in enumerate(images):
            stamp = STAMP + index * 100_000_000
            write_image(bag, stamp, stamp + LATENCY, image)
            bag.write_camera_info(
                INFO, stamp, 'optical', SIZE, **{'K': K, **info}, log_time_ns=stamp + LATENCY
            )
            bag.write_serialized('/name', text.__msgtype__, stamp + LATENCY + 1, data)
    return path


def contents(path):
    """Return the messages in order: (topic, log time, bytes, deserialised)."""
    with open_bag(path) as reader:
        return [
            (c.topic, log_time, bytes(data), reader.deserialize(data, c.msgtype))
            for c, log_time, data in reader.messages()
        ]


def raw_contents(path):
    with open_bag(path) as reader:
        return [(c.topic, log_time, bytes(data)) for c, log_time, data in reader.messages()]


def pixels(message):
    kind = {'32FC1': '<f4', '16UC1': '<u2'}[message.encoding]
    return message.data.view(kind).reshape(message.height, message.width)


def predict(bag, output, card, *options):
    engine = ['--threads', '1', '--backend', 'torch']
    return main([str(bag), str(output), '--model', str(card), *engine, *options])


@pytest.mark.slow
def test_everything_of_the_bag_is_kept_and_depth_added(tmp_path, cards, capsys):
    bag = write_bag(tmp_path / 'bag')

    assert predict(bag, tmp_path / 'out', cards / 'scaled.yaml') == 0

    before, after = contents(bag), contents(tmp_path / 'out')
    new = {'/depth/image_rect', '/depth/camera_info', '/points'}
    assert [m[:3] for m in after if m[0] not in new] == [m[:3] for m in before]
    added = [(topic, log_time, stamp_of(m)) for topic, log_time, _, m in after if topic in new]
    assert sorted(added) == sorted(
        (topic, stamp + LATENCY, stamp) for topic in new for stamp in (STAMP, STAMP + 100_000_000)
    )
    assert [m[1] for m in after] == sorted(m[1] for m in after)
    with open_bag(bag) as one, open_bag(tmp_path / 'out') as two:
        qos = [{c.topic: c.ext.offered_qos_profiles for c in r.connections} for r in (one, two)]
    assert qos[0].items() <= qos[1].items()
    printed = capsys.readouterr().out
    assert '7  messages taken over' in printed and 'scaled: metres (scaled); weights' in printed


@pytest.mark.slow
def test_depth_is_the_estimators_with_the_nodes_rules(tmp_path, cards):
    bag = write_bag(tmp_path / 'bag', [wall(0, SIZE)])
    options = ('--min-depth', '50', '--max-depth', '60', '--cloud-stride', '2')

    assert predict(bag, tmp_path / 'out', cards / 'scaled.yaml', *options) == 0

    found = {topic: message for topic, _, _, message in contents(tmp_path / 'out')}
    estimator = DepthEstimator(load_card(cards / 'scaled.yaml'), threads=1, backend='torch')
    [expected] = estimator.estimate([wall(0, SIZE)], [K])
    expected[expected < 50], beyond = np.nan, expected > 60
    expected[beyond] = np.inf
    assert np.isfinite(expected).any() and np.isnan(expected).any() and beyond.any()
    depth = found['/depth/image_rect']
    assert np.array_equal(pixels(depth), expected, equal_nan=True)
    assert depth.header.frame_id == found[TOPIC].header.frame_id
    info = found['/depth/camera_info']
    assert np.array_equal(info.k.reshape(3, 3), K) and (info.height, info.width) == SIZE
    cloud = found['/points']
    points, colors = unpack_cloud(cloud.data, cloud.height, cloud.width)
    known = np.isfinite(expected[::2, ::2])
    assert np.array_equal(points[..., 2][known], expected[::2, ::2][known])
    assert np.isnan(points[~known]).all() and np.array_equal(colors, wall(0, SIZE)[::2, ::2])


@pytest.mark.slow
def test_relative_depth_never_reaches_a_topic_of_metres(tmp_path, cards, capsys):
    bag = write_bag(tmp_path / 'bag')

    assert predict(bag, tmp_path / 'out', cards / 'relative.yaml') == 0

    topics = {topic for topic, *_ in contents(tmp_path / 'out')}
    assert topics == {
        TOPIC,
        INFO,
        '/name',
        '/tf_static',
        '/depth_relative/image',
        '/depth/camera_info',
    }
    assert 'relative depth, no metres, UNTRAINED' in capsys.readouterr().out
    metadata = yaml.safe_load((tmp_path / 'out' / 'metadata.yaml').read_text())
    notes = metadata['rosbag2_bagfile_information']['custom_data']
    assert notes['mono_depth_ros.depth_kind'] == 'relative'
    assert notes['mono_depth_ros.trained'] == 'false'


def test_a_bag_of_ros_1_comes_out_as_ros_2_would_have_written_it(tmp_path, cards):
    bag = write_ros1_bag(tmp_path / 'in.bag', count=2, size=SIZE)

    assert (
        predict(
            bag,
            tmp_path / 'out',
            cards / 'scaled.yaml',
            '--intrinsics',
            str(calibration_file(tmp_path)),
        )
        == 0
    )

    found = {topic: message for topic, _, _, message in contents(tmp_path / 'out')}
    assert set(found) == {
        '/camera/image_raw',
        '/camera/camera_info',
        '/name',
        '/depth/image_rect',
        '/depth/camera_info',
        '/points',
    }
    assert found['/camera/camera_info'].k[0] == 70 and found['/name'].data == 'left'
    assert stamp_of(found['/depth/image_rect']) == START + 50_000_000
    with open_bag(tmp_path / 'out') as reader:
        [name] = [c for c in reader.connections if c.topic == '/name']
    assert name.ext.offered_qos_profiles[0].durability.name == 'TRANSIENT_LOCAL'


def calibration_file(folder):
    path = folder / 'camera.yaml'
    path.write_text(
        yaml.safe_dump(
            {
                'image_width': SIZE[1],
                'image_height': SIZE[0],
                'camera_matrix': {'data': K.ravel().tolist()},
            }
        )
    )
    return path


def test_options_choose_topics_encodings_and_outputs(tmp_path, cards):
    bag = write_bag(tmp_path / 'bag', [np.full((*SIZE, 3), 99, np.uint8)], D=[0.5, 0, 0, 0])
    options = (
        '--add',
        'depth',
        'color',
        'rectified',
        '--namespace',
        '/mono',
        '--depth-encoding',
        '16UC1',
        '--batch-size',
        '3',
    )

    assert predict(bag, tmp_path / 'out', cards / 'scaled.yaml', *options) == 0

    found = {topic: m for topic, _, _, m in contents(tmp_path / 'out') if '/mono' in topic}
    assert set(found) == {'/mono/depth/image_rect', '/mono/depth/color', '/mono/image_rect'}
    assert found['/mono/depth/image_rect'].encoding == '16UC1'
    outside = ~found['/mono/image_rect'].data.reshape(*SIZE, 3).any(axis=-1)
    assert outside.any() and not pixels(found['/mono/depth/image_rect'])[outside].any()


def test_images_that_cannot_become_depth_are_counted_and_kept(tmp_path, cards, capsys):
    bag = write_bag(tmp_path / 'bag', [wall(0, SIZE), wall(0, (32, 96)), wall(0, SIZE)])

    assert predict(bag, tmp_path / 'out', cards / 'scaled.yaml') == 0

    topics = [topic for topic, *_ in contents(tmp_path / 'out')]
    assert (topics.count(TOPIC), topics.count('/depth/image_rect')) == (3, 2)
    assert (
        "1  images without depth: the image is 96x32, but camera_info on '/camera/camera_info' "
        'describes 96x64: give' in capsys.readouterr().out
    )


def test_a_message_that_is_cut_off_is_counted(tmp_path, cards, capsys):
    bag = write_bag(tmp_path / 'good', [wall(0, SIZE)])
    with BagWriter(tmp_path / 'bag') as writer, open_bag(bag) as reader:
        for connection, log_time, data in reader.messages():
            writer.write_serialized(connection.topic, connection.msgtype, log_time, data)
            if connection.topic == TOPIC:
                writer.write_serialized(TOPIC, connection.msgtype, log_time + 1, data[:200])

    assert predict(tmp_path / 'bag', tmp_path / 'out', cards / 'scaled.yaml') == 0

    assert '1  images without depth: ' in capsys.readouterr().out
    topics = [topic for topic, *_ in raw_contents(tmp_path / 'out')]
    assert (topics.count(TOPIC), topics.count('/depth/image_rect')) == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('options', 'info', 'message'),
    [
        (['--image-topic', '/camera/image'], {}, "'/camera/image' is not an image topic"),
        (['--camera-info-topic', '/info'], {}, "'/info' is not a camera_info topic"),
        (['--namespace', '/my camera'], {}, 'expected names of letters'),
        (['--min-depth', '5', '--max-depth', '5'], {}, r'expected 0 <= min < max'),
        ([], {'K': np.zeros((3, 3))}, 'No image on .* became depth: .*not calibrated'),
    ],
)
def test_what_is_wrong_is_one_line_and_no_bag_stays(
    tmp_path, cards, capsys, options, info, message
):
    bag = write_bag(tmp_path / 'bag', [wall(0, SIZE)], **info)

    assert predict(bag, tmp_path / 'out', cards / 'scaled.yaml', *options) == 1

    error = capsys.readouterr().err
    assert error.startswith('predict_bag: error: ') and 'Traceback' not in error
    assert re.search(message, error)
    assert not (tmp_path / 'out').exists()


def test_new_topics_never_mix_with_recorded_ones(tmp_path, cards, capsys):
    bag = write_bag(tmp_path / 'bag', [wall(0, SIZE)])
    assert predict(bag, tmp_path / 'once', cards / 'scaled.yaml', '--namespace', 'other') == 0

    again = [tmp_path / 'once', tmp_path / 'twice', cards / 'scaled.yaml', '--image-topic', TOPIC]
    assert predict(*again, '--namespace', '/other/') == 1
    assert "holds '/other/depth/camera_info' already" in capsys.readouterr().err


def test_a_topic_whose_type_nobody_defines_is_left_out_and_named(tmp_path, cards, capsys):
    bag = write_bag(tmp_path / 'bag', [wall(0, SIZE)], storage='sqlite3')
    with closing(sqlite3.connect(next(bag.glob('*.db3')))) as database, database:
        # As Humble writes them: without definitions.
        database.execute('DROP TABLE message_definitions')
        database.execute('UPDATE schema SET schema_version = 3')
        database.execute("UPDATE topics SET type = 'my_robot/msg/Mood' WHERE name = '/name'")
    metadata = (bag / 'metadata.yaml').read_text().replace('version: 8', 'version: 5')
    (bag / 'metadata.yaml').write_text(
        metadata.replace('std_msgs/msg/String', 'my_robot/msg/Mood')
    )

    assert predict(bag, tmp_path / 'out', cards / 'scaled.yaml') == 0

    assert "'/name' is left out: the bag does not define its type my_robot/msg/Mood" in (
        capsys.readouterr().out
    )
    topics = {topic for topic, *_ in contents(tmp_path / 'out')}
    assert '/name' not in topics and {TOPIC, '/tf_static', '/points'} <= topics
