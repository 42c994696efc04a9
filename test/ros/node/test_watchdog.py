import dataclasses
import re

import pytest

from mono_depth_ros.ros.node.limits import Level, Limits, Performance
from mono_depth_ros.ros.node.watchdog import CameraFacts, diagnose, readable_span

RUNNING = CameraFacts(
    state='active',
    image_topic='/cam/image',
    image_publishers=1,
    frames_in=50,
    frames_out=50,
    subscribed=True,
    stamp_age=0.1,
)


def test_a_running_camera_is_ok():
    assert diagnose(RUNNING) == (Level.OK, 'running: 50 frames in the last 5 s, dropped: none')


def test_a_running_camera_says_its_rate_age_and_drops():
    seen = Performance(fps=9.96, age_p95=0.0341, drops={'too_old': 1, 'replaced_by_newer': 7})

    assert diagnose(dataclasses.replace(RUNNING, performance=seen))[1] == (
        'running: 10.0 Hz, age p95 34 ms, 50 frames in the last 5 s, '
        'dropped: replaced_by_newer 7, too_old 1'
    )


def test_a_crossed_threshold_is_named_with_its_parameter():
    facts = dataclasses.replace(
        RUNNING, performance=Performance(fps=4.0), limits=Limits(warn_fps=5.0)
    )

    assert diagnose(facts) == (
        Level.WARN,
        'running, but at 4.0 Hz, below warn_fps: is the '
        'camera slower, or the network (then take a smaller model, or a '
        'GPU)?',
    )


@pytest.mark.parametrize(
    ('change', 'level', 'words'),
    [
        ({'state': 'inactive'}, Level.WARN, 'inactive: ros2 lifecycle set /depth_node activate'),
        ({'state': 'unconfigured', 'failure': 'no weights'}, Level.ERROR, 'no weights'),
        ({'qos_conflict': '/cam/image'}, Level.ERROR, 'incompatible QoS on /cam/image'),
        ({'frames_in': 0, 'image_publishers': 0}, Level.ERROR, 'no publisher on /cam/image'),
        ({'frames_in': 0, 'waits_for_clock': True}, Level.ERROR, 'nothing publishes /clock'),
        ({'frames_in': 0}, Level.ERROR, 'fastdds.xml'),
        ({'subscribed': False}, Level.OK, 'nobody subscribes'),
        ({'state': 'finalized'}, Level.WARN, 'start a new one'),
        (
            {'frames_in': 0, 'image_publishers': 0, 'other_transport': '/cam/image/compressed'},
            Level.ERROR,
            'but /cam/image/compressed has one: set image_transport:=compressed',
        ),
        (
            {'frames_in': 0, 'image_publishers': 0, 'other_transport': '/cam/image'},
            Level.ERROR,
            'set image_transport:=raw',
        ),
        (
            {
                'frames_in': 0,
                'foreign_type': 'std_msgs/msg/String',
                'image_type': 'sensor_msgs/msg/Image',
            },
            Level.ERROR,
            '/cam/image carries std_msgs/msg/String, not sensor_msgs/msg/Image',
        ),
        (
            {
                'subscribed': False,
                'silent': frozenset({'points', 'depth/image_rect'}),
                'depth_kind': 'relative',
            },
            Level.WARN,
            'so depth/image_rect and points stays silent: set depth_scale:=',
        ),
        (
            {
                'subscribed': False,
                'silent': frozenset({'depth_relative/image'}),
                'depth_kind': 'scaled',
            },
            Level.WARN,
            'subscribe to depth/image_rect',
        ),
        (
            {'silent': frozenset({'points', 'image_rect'}), 'depth_kind': 'relative'},
            Level.WARN,
            'running, but depth is relative, so points stays silent: set depth_scale:=',
        ),
        (
            {'silent': frozenset({'depth_relative/image', 'image_rect'}), 'depth_kind': 'scaled'},
            Level.OK,
            'running',
        ),
        (
            {'subscribed': False, 'silent': frozenset({'image_rect'}), 'depth_kind': 'scaled'},
            Level.WARN,
            'image_rect stays silent: the images have no distortion',
        ),
        ({'subscribed': False, 'output_qos_conflict': '/points'}, Level.WARN, '/points'),
        ({'fault': 'K is all zero'}, Level.ERROR, 'K is all zero'),
        (
            {'frames_out': 0, 'too_old': 9, 'max_age': 0.5},
            Level.ERROR,
            '9 frames .* max_age 0.5 s',
        ),
        ({'frames_out': 0}, Level.WARN, 'none was finished in the last 5 s'),
        (
            {'batch_limit': 2},
            Level.WARN,
            'memory ran out: images go through the network 2 at a time',
        ),
        ({'waits_for_clock': True}, Level.WARN, 'nothing publishes /clock'),
        ({'unstamped': True, 'stamp_age': 1.8e9}, Level.WARN, 'no stamp .* header.stamp'),
        ({'stamp_age': 3.2e8}, Level.WARN, '10.1 years older'),
        ({'stamp_age': -7200.0}, Level.WARN, '2.0 hours newer'),
        ({'repeated_stamps': 9}, Level.WARN, 'the last 10 images on /cam/image have one stamp'),
        ({'repeated_stamps': 1}, Level.OK, 'running'),
        ({'image_frame': ''}, Level.WARN, 'header.frame_id is empty .* /cam/image'),
        ({'image_frame': ' '}, Level.WARN, 'header.frame_id is empty'),
        ({'image_frame': '/cam'}, Level.WARN, "is '/cam': TF refuses"),
        ({'image_frame': 'cam', 'info_frame': 'cam'}, Level.OK, 'running'),
        ({'image_frame': 'cam', 'info_frame': 'rear'}, Level.WARN, "'cam', camera_info .* 'rear'"),
        (
            {'calibration_changes': 7, 'info_topic': '/cam/info', 'info_publishers': ('/a', '/b')},
            Level.WARN,
            '2 calibrations on one topic.*/cam/info is published by /a, /b',
        ),
        ({'calibration_changes': 7, 'info_publishers': ('/zoom',)}, Level.OK, 'running'),
        ({'calibration_changes': 1, 'info_publishers': ('/a', '/b')}, Level.OK, 'running'),
        ({'empty_bits': 4}, Level.WARN, 'only their lower 12 bits.*multiply them by 16'),
        ({'empty_bits': 1}, Level.OK, 'running'),
        ({'source_note': '32 % has no source'}, Level.WARN, '32 % has no source .camera_info on'),
        (
            {
                'frames_in': 0,
                'image_topic': '/cam/image/compressed',
                'foreign_type': 'sensor_msgs/msg/CompressedImage',
                'image_type': 'sensor_msgs/msg/Image',
            },
            Level.ERROR,
            'image:=/cam/image image_transport:=compressed',
        ),
    ],
)
def test_every_reason_for_silence_has_its_sentence(change, level, words):
    got, text = diagnose(dataclasses.replace(RUNNING, **change))

    assert got == level
    assert re.search(words, text), text


def test_the_first_thing_to_mend_is_named_first():
    facts = dataclasses.replace(RUNNING, frames_in=0, image_publishers=0, fault='old fault')

    assert 'no publisher' in diagnose(facts)[1]


def test_spans_read_as_a_person_would_say_them():
    assert [readable_span(s) for s in (90.0, 7200.0, 172800.0)] == [
        '90 s',
        '2.0 hours',
        '2.0 days',
    ]
