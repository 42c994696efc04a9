"""The demo as a user starts it: the real node, real DDS, real files."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.demo.bag import DemoClip
from mono_depth_ros.demo.recorder import NodeStatus
from mono_depth_ros.demo.report import DemoResult, caption_of, closing_table, film_rate
from mono_depth_ros.demo.run import node_command
from mono_depth_ros.ros.conversions import header_stamp

CARD = SimpleNamespace(
    name='untrained', network='small_depth', input_size=(192, 640), is_trained=False
)


@pytest.fixture
def run_demo(tmp_path):
    worker = os.environ.get('PYTEST_XDIST_WORKER', 'gw0')
    domain = 80 + int(worker[2:]) % 10

    def run(*arguments):
        return subprocess.run(
            [
                sys.executable,
                '-m',
                'mono_depth_ros.demo',
                '--output',
                str(tmp_path / 'demo'),
                '--domain-id',
                str(domain),
                *map(str, arguments),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )

    return run


def processes_of(domain_log):
    """List processes that still hold a file of the demo's output folder open."""
    holders = []
    for link in Path('/proc').glob('[0-9]*/fd/*'):
        try:
            if str(link.readlink()).startswith(str(domain_log)):
                holders.append(link.parts[2])
        except OSError:
            continue
    return holders


def status(**values):
    return NodeStatus(0, 'running', {key: str(value) for key, value in values.items()})


def result(depth_scale=50.0, **values):
    clip = DemoClip(Path('bag'), '/camera/image_raw', ('/camera/image_raw',), 78, 1242, 'KITTI')
    return DemoResult(
        clip,
        CARD,
        depth_scale,
        Path('demo/out/recording'),
        {'/camera/image_raw': 78, '/points': 70},
        71,
        9.87,
        status(
            trained='false',
            depth_kind='scaled',
            frames_in=78,
            frames_out=71,
            dropped_newer_frame=7,
            dropped_too_old=0,
            age_p50_ms=45.25,
            age_p95_ms=80.0,
            device='cpu',
            **values,
        ),
    )


def test_the_demo_records_and_pictures_what_the_real_node_makes_of_a_street(run_demo, tmp_path):
    done = run_demo('--street', '--street-frames', 6, '--street-size', 96, 320)

    assert done.returncode == 0, done.stderr
    assert 'model                 lite_hr_depth_lite0\n' in done.stdout
    assert 'frames in the bag     6\n' in done.stdout
    with AnyReader([tmp_path / 'demo/out/recording']) as reader:
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
    assert counts['/camera/image_raw'] == 6
    assert 1 <= counts['/depth/image_rect'] <= 6
    assert counts['/points'] and counts['/depth/color'] and counts['/diagnostics']
    film = cv2.VideoCapture(str(tmp_path / 'demo/preview.mp4'))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == counts['/depth/image_rect']
    readable, picture = film.read()
    film.release()
    assert readable and picture.std() > 10
    assert cv2.imread(str(tmp_path / 'demo/preview.png')).shape == picture.shape
    assert processes_of(tmp_path / 'demo') == []


def test_without_a_depth_image_the_demo_fails_with_the_nodes_own_diagnosis(run_demo, tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for index in range(4):
            stamp = 10**18 + index * 10**8
            bag.write_image('/cam/image', stamp, '', 'rgb8', np.zeros((96, 320, 3), np.uint8))

    done = run_demo('--bag', tmp_path / 'bag')

    assert done.returncode == 1
    assert 'demo: error: no depth image came out. The node says: ' in done.stderr
    assert 'camera_info' in done.stderr
    assert processes_of(tmp_path / 'demo') == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--model', 'no_such_model'], 'no_such_model'),
        (['--bag', 'nowhere.mcap'], "Bag 'nowhere.mcap' does not exist"),
    ],
)
def test_a_mistake_ends_with_a_message_and_no_traceback(run_demo, arguments, message):
    done = run_demo(*arguments)

    assert done.returncode == 1
    assert done.stderr.startswith('demo: error: ') and message in done.stderr
    assert 'Traceback' not in done.stderr


def test_the_table_tells_in_from_out_and_drops_by_cause():
    table = closing_table(result())

    assert 'model                 untrained (untrained, scaled by hand), depth_scale 50' in table
    assert 'frames into the node  78\n' in table
    assert 'depth images out      71, recorded 71\n' in table
    assert 'clouds recorded       70 (cloud_stride 2)\n' in table
    assert 'frames dropped        7 newer_frame\n' in table
    assert 'rate                  9.9 depth images/s\n' in table
    assert 'age p50 / p95         45 / 80 ms' in table


def test_the_caption_says_what_must_be_known_about_the_depth():
    assert caption_of(result()).warning == 'untrained, scaled by hand'
    assert caption_of(result(depth_scale=None)).warning == 'untrained, scaled'


def test_trained_metric_depth_needs_no_warning():
    metric = result(depth_scale=None)
    metric.status.values.update(trained='true', depth_kind='metric')

    assert metric.caveat == ''


def test_the_node_is_told_the_scale_the_topic_and_the_transport():
    clip = DemoClip(Path('b'), '/cam/image/compressed', ('/cam/image/compressed',), 5, 0, 'mine')

    command = ' '.join(node_command(clip, 'untrained', 50))

    assert '-p depth_scale:=50.0' in command and '-p image_transport:=compressed' in command
    assert command.endswith('-r image:=/cam/image')
    assert 'depth_scale' not in ' '.join(node_command(clip, 'small_depth', None))


def test_a_film_runs_as_fast_as_the_camera_did():
    assert film_rate([0, 50_000_000, 100_000_000, 300_000_000]) == pytest.approx(20.0)
    assert film_rate([5]) == 1.0


def test_the_stamp_is_read_without_decoding_the_image(tmp_path):
    stamp = 1_234_567_890_000_000_042
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/image', stamp, 'camera', 'rgb8', np.zeros((2, 2, 3), np.uint8))
    with AnyReader([tmp_path / 'bag']) as reader:
        [(_, _, data)] = reader.messages()

    assert header_stamp(data) == stamp


def test_frames_that_are_neither_out_nor_dropped_are_pending():
    assert status(frames_in=10, frames_out=6, dropped_too_old=3).pending == 1
