"""Bags that are played by one process arrive in another, over real DDS."""

import itertools
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import rclpy
from bags import PERIOD, START, K, write_camera_bag, write_ros1_bag
from domains import next_domain
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Range
from std_msgs.msg import String

from mono_depth_ros.bags.reader import open_bag
from mono_depth_ros.ros.replay.bag_player import BagPlayer
from mono_depth_ros.ros.replay.options import PlayOptions
from mono_depth_ros.stamps import stamp_ns, stamp_of

RELIABLE = QoSProfile(depth=100)
PATIENCE = 120


class Listener:
    """A node of this process that keeps what it hears."""

    def __init__(self, node, context):
        self.node, self.context = node, context
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(node)

    def listen(self, kind, topic, qos=RELIABLE):
        heard = []
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard

    def spin_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.05)
        return condition()


@pytest.fixture
def domain(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(next_domain()))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


@pytest.fixture
def listener(domain):
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node('listener', context=context)
    yield Listener(node, context)
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def replay(domain):
    """Start `replay_bag` in a process of its own."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, '-m', 'mono_depth_ros.cli.replay_bag', *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3', 'ros1'])
def test_every_message_arrives_in_order_with_its_stamp_pixels_and_k(
    tmp_path, listener, replay, storage
):
    bag = tmp_path / 'bag.bag'
    if storage == 'ros1':
        write_ros1_bag(bag)
    else:
        write_camera_bag(bag.with_suffix(''), storage=storage)
        bag = bag.with_suffix('')
    images = listener.listen(Image, '/camera/image_raw')
    infos = listener.listen(CameraInfo, '/camera/camera_info')

    process = replay(
        bag,
        '--rate',
        4,
        '--wait-for-subscribers',
        10,
        '--topics',
        '/camera/image_raw',
        '/camera/camera_info',
    )

    assert listener.spin_until(lambda: len(images) == 8 and len(infos) == 8)
    assert [stamp_of(image) for image in images] == [START + i * PERIOD for i in range(8)]
    assert [set(image.data) for image in images] == [{i} for i in range(8)]
    first = images[0]
    assert (first.height, first.width, first.step, first.encoding) == (4, 6, 18, 'bgr8')
    assert first.header.frame_id == 'optical'
    assert all(np.array_equal(info.k.reshape(3, 3), K) for info in infos)
    assert np.array_equal(infos[0].p.reshape(3, 4)[:, :3], K)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert '/camera/image_raw         8 messages\n' in output


def test_a_latched_ros1_topic_reaches_a_subscriber_that_comes_late(tmp_path, listener, replay):
    bag = write_ros1_bag(tmp_path / 'a.bag', count=20)
    images = listener.listen(Image, '/camera/image_raw')
    replay(bag, '--wait-for-subscribers', 1, '--topics', '/camera/image_raw', '/name')
    assert listener.spin_until(lambda: len(images) > 2)

    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    names = listener.listen(String, '/name', latched)

    assert listener.spin_until(lambda: names)
    assert names[0].data == 'left'


class Player:
    """Plays a bag in this process, on a clock that goes on only while the player sleeps."""

    def __init__(self, listener, bag, **options):
        self.seconds, self.published = 0.0, []
        self.listener, self.bag, self.options = listener, bag, options
        self.node = rclpy.create_node('player', context=listener.context)

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds
        for publisher in self.node.publishers:
            publisher.wait_for_all_acked(Duration(seconds=PATIENCE))
        self.listener.executor.spin_once(timeout_sec=0.001)

    def play(self):
        with open_bag(self.bag) as reader:
            options = PlayOptions(topics=['/camera/image_raw'], **self.options)
            player = BagPlayer(self.node, reader, options, self.now, self.sleep)
            return player.play(lambda _: self.published.append(self.seconds))


@pytest.fixture
def make_player(listener):
    players = []

    def make(bag, **options):
        players.append(Player(listener, bag, **options))
        return players[-1]

    yield make
    for player in players:
        player.node.destroy_node()


def test_messages_keep_the_bags_own_pace_times_the_rate(tmp_path, make_player):
    bag = write_camera_bag(tmp_path / 'bag', count=21)
    player = make_player(bag, rate=2.0, wait_for_subscribers=0.0)

    report = player.play()

    assert player.published == pytest.approx([index * 0.05 / 2 for index in range(21)])
    assert report.bag_seconds == pytest.approx(1.0) and report.worst_lateness < 1e-6


def test_playing_begins_when_every_topic_has_its_subscribers(tmp_path, listener, make_player):
    first, second = listener.listen(Image, '/camera/image_raw'), []
    bag = write_camera_bag(tmp_path / 'bag', count=4)
    player = make_player(bag, subscribers=2, wait_for_subscribers=1e6)
    alone = 100

    def subscribe_after_a_while(seconds):
        nonlocal alone
        alone -= 1
        if alone == 0:
            assert not player.published and not first
            second.append(listener.listen(Image, '/camera/image_raw'))
        Player.sleep(player, seconds)

    player.sleep = subscribe_after_a_while
    player.play()

    assert listener.spin_until(lambda: len(first) == 4 and len(second[0]) == 4)


def test_the_clock_follows_bag_time_at_the_given_frequency(tmp_path, listener, make_player):
    clocks = listener.listen(Clock, '/clock')
    listener.listen(Image, '/camera/image_raw')
    bag = write_camera_bag(tmp_path / 'bag', count=22)
    player = make_player(bag, clock_hz=50.0, wait_for_subscribers=1e6)

    player.play()

    listener.spin_until(lambda: clocks and stamp_ns(clocks[-1].clock) > START + 20.5 * PERIOD)
    times = [stamp_ns(clock.clock) for clock in clocks]
    assert times[0] == START and times == sorted(times)
    running = np.array([time for time in dict.fromkeys(times) if time > START]) - START
    assert running == pytest.approx(np.arange(1, 53) * 20_000_000, abs=1000)


@pytest.fixture
def answerer(domain):
    """A node that thinks about every image before it answers; `log` says what it did."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node('answerer', context=context)
    node.log, waiting = [], []
    answers = node.create_publisher(Image, '/depth', RELIABLE)

    def take(message):
        node.log.append(('image', stamp_of(message)))
        waiting.append([message, 5])

    def think():
        for item in waiting:
            item[1] -= 1
        if waiting and waiting[0][1] == 0:
            message = waiting.pop(0)[0]
            node.log.append(('answer', stamp_of(message)))
            answers.publish(message)

    node.create_subscription(Image, '/camera/image_raw', take, RELIABLE)
    node.create_timer(0.01, think)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_in_lockstep_no_image_is_played_before_the_last_one_was_answered(
    tmp_path, make_player, answerer
):
    player = make_player(
        write_camera_bag(tmp_path / 'bag', count=4),
        wait_for_subscribers=1e6,
        lockstep=('/camera/image_raw', '/depth'),
    )

    report = player.play()

    stamps = [START + index * PERIOD for index in range(4)]
    assert answerer.log == [(kind, stamp) for stamp in stamps for kind in ('image', 'answer')]
    assert report.unanswered == 0 and report.without_subscriber == []


def test_in_lockstep_an_image_without_answer_is_counted_after_a_while(tmp_path, make_player):
    player = make_player(
        write_camera_bag(tmp_path / 'bag', count=3),
        wait_for_subscribers=0.0,
        lockstep=('/camera/image_raw', '/depth'),
    )
    player.now = itertools.count(0.0, 10.0).__next__

    report = player.play()

    assert report.messages == {'/camera/image_raw': 3} and report.unanswered == 3
    assert report.text().endswith('3 messages got no answer in lockstep.')


def test_lockstep_waits_for_what_is_played_alone(tmp_path, listener):
    options = PlayOptions(topics=['/camera/image_raw'], lockstep=('/camera/image', '/depth'))
    with (
        open_bag(write_camera_bag(tmp_path / 'bag')) as reader,
        pytest.raises(ValueError, match=r"'/camera/image', which .* one of: /camera/image_raw"),
    ):
        BagPlayer(listener.node, reader, options)


def test_a_looping_bag_starts_again_until_it_is_interrupted(tmp_path, listener, replay):
    images = listener.listen(Image, '/camera/image_raw')
    process = replay(
        write_camera_bag(tmp_path / 'bag', count=3),
        '--loop',
        '--wait-for-subscribers',
        10,
        '--topics',
        '/camera/image_raw',
    )
    assert listener.spin_until(lambda: len(images) >= 7)

    process.send_signal(signal.SIGINT)

    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and errors == '' and 'messages' in output
    assert [set(image.data) for image in images][:7] == [{i} for i in (0, 1, 2, 0, 1, 2, 0)]


def test_start_and_duration_play_a_part_under_another_name(tmp_path, listener, replay):
    images = listener.listen(Image, '/front/image')

    process = replay(
        write_camera_bag(tmp_path / 'bag'),
        '--start',
        0.1,
        '--duration',
        0.15,
        '--topics',
        '/camera/image_raw',
        '--remap',
        '/camera/image_raw:=/front/image',
        '--wait-for-subscribers',
        10,
    )

    process.communicate(timeout=PATIENCE)
    listener.spin_until(lambda: len(images) == 3)
    assert [set(image.data) for image in images] == [{2}, {3}, {4}]


def test_standard_ros_arguments_reach_the_node(tmp_path, listener, replay):
    images = listener.listen(Image, '/robot/image')

    replay(
        write_camera_bag(tmp_path / 'bag'),
        '--topics',
        '/camera/image_raw',
        '--wait-for-subscribers',
        10,
        '--ros-args',
        '-r',
        '/camera/image_raw:=/robot/image',
    )

    assert listener.spin_until(lambda: len(images) == 8)


def test_a_type_that_is_not_installed_is_named_once_and_the_rest_is_played(
    tmp_path, listener, replay
):
    types = get_typestore(Stores.ROS2_JAZZY)
    types.register(get_types_from_msg('float32 volume', 'marvin_msgs/msg/Mood'))
    text = types.types['std_msgs/msg/String'](data='hello')
    mood = types.types['marvin_msgs/msg/Mood'](volume=0.5)
    with Writer2(tmp_path / 'bag', version=8) as bag:
        moods = bag.add_connection('/mood', 'marvin_msgs/msg/Mood', typestore=types)
        texts = bag.add_connection('/text', 'std_msgs/msg/String', typestore=types)
        for index in range(3):
            stamp = START + index * PERIOD
            bag.write(moods, stamp, types.serialize_cdr(mood, 'marvin_msgs/msg/Mood'))
            bag.write(texts, stamp, types.serialize_cdr(text, 'std_msgs/msg/String'))
    heard = listener.listen(String, '/text')

    process = replay(tmp_path / 'bag', '--wait-for-subscribers', 10)

    assert listener.spin_until(lambda: len(heard) == 3)
    output, errors = process.communicate(timeout=PATIENCE)
    assert errors == (
        'replay_bag: skipped /mood: message type marvin_msgs/msg/Mood is not installed here.\n'
    )
    assert '/mood' not in output and process.returncode == 0


def test_a_message_type_that_grew_a_field_since_the_recording_is_converted(
    tmp_path, listener, replay
):
    types = get_typestore(Stores.ROS2_HUMBLE)
    name = 'sensor_msgs/msg/Range'
    stamp = types.types['builtin_interfaces/msg/Time'](7, 9)
    header = types.types['std_msgs/msg/Header'](stamp, 'front')
    message = types.types[name](header, 1, 0.5, 0.25, 4.0, 2.0)
    with Writer2(tmp_path / 'bag', version=8) as bag:
        connection = bag.add_connection('/range', name, typestore=types)
        bag.write(connection, START, types.serialize_cdr(message, name))
    heard = listener.listen(Range, '/range')

    replay(tmp_path / 'bag', '--wait-for-subscribers', 10)

    assert listener.spin_until(lambda: heard)
    assert (heard[0].range, heard[0].max_range, heard[0].variance) == (2.0, 4.0, 0.0)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'rate': 0.0}, r'rate is 0\.0\. Expected a number above 0'),
        ({'clock_hz': -1.0}, 'clock_hz is -1'),
        ({'duration': 0.0}, 'duration is 0'),
        ({'subscribers': 0}, 'subscribers is 0. Expected 1 or more'),
        ({'start': -1.0}, r'start is -1\.0\. Expected 0 or more seconds'),
    ],
)
def test_an_option_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PlayOptions(**options)


def test_an_unknown_topic_is_refused_with_the_nearest_one(tmp_path, listener):
    with (
        open_bag(write_camera_bag(tmp_path / 'bag')) as reader,
        pytest.raises(ValueError, match=r"'/camera/image'.*Did you mean '/camera/image_raw'"),
    ):
        BagPlayer(listener.node, reader, PlayOptions(topics=['/camera/image']))


def test_a_start_behind_the_end_is_refused(tmp_path, listener):
    with (
        open_bag(write_camera_bag(tmp_path / 'bag')) as reader,
        pytest.raises(ValueError, match=r'the bag is 0\.4 s long'),
    ):
        BagPlayer(listener.node, reader, PlayOptions(start=5.0))
