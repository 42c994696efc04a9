"""States, parameters and failures: the node says what is wrong and lives on."""

import re

import pytest
from ros_harness import camera_info, image, write_constant_card
from sensor_msgs.msg import CameraInfo, Image

SIZE = (48, 96)


def test_it_starts_by_itself_and_publishes(start_node):
    probe, process = start_node('-p', 'depth_scale:=10.0')
    depths = probe.listen('depth/image_rect', Image)

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))

    assert probe.state() == 'active'
    assert 'weights' in process.log()


def test_without_autostart_it_waits_and_says_so(start_node):
    probe, _ = start_node('-p', 'autostart:=false')

    status = probe.diagnosis('ros2 lifecycle set /depth_node configure')

    assert probe.state() == 'unconfigured'
    assert status.level == b'\x01'


def test_a_round_through_all_states_publishes_again(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    replay = probe.replay(SIZE)
    probe.spin_until(lambda: depths, 'depth', each=replay)

    assert probe.transition('deactivate')
    probe.diagnosis('the node is inactive', each=replay)
    depths.clear()
    probe.diagnosis('the node is inactive', each=replay)
    assert not depths
    for step in ('cleanup', 'configure', 'activate'):
        assert probe.transition(step)

    probe.spin_until(lambda: depths, 'depth again', each=replay)


def test_nobody_subscribed_is_no_inference_and_no_drop(configured):
    probe = configured(depth_scale=10.0)

    status = probe.diagnosis('nobody subscribes', each=probe.replay(SIZE))

    values = {pair.key: pair.value for pair in status.values}
    assert status.level == b'\x00'
    assert int(values['frames_in']) > 0 and values['frames_out'] == '0'
    assert not [key for key in values if key.startswith('dropped_')]


def test_what_runs_the_network_and_how_exactly_is_said(configured):
    probe = configured(backend='onnxruntime', depth_scale=10.0)

    values = {
        pair.key: pair.value
        for pair in probe.diagnosis('nobody subscribes', each=probe.replay(SIZE)).values
    }

    assert (values['backend'], values['precision']) == ('onnxruntime', 'float32')
    assert values['depth_error'].startswith('max ')


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (('-p', 'min_depth:=90.0'), 'min_depth 90.0 m must be smaller than max_depth 80.0 m'),
        (('-p', 'device:=cuda:99'), 'cuda'),
        (('-p', 'backend:=tensorrt'), 'backend tensorrt: it needs device cuda'),
    ],
)
def test_a_bad_start_parameter_is_named_and_the_node_lives_on(start_node, arguments, reason):
    probe, process = start_node(*arguments)

    status = probe.diagnosis('cannot configure')

    assert re.search(reason, status.message), status.message
    assert probe.state() == 'unconfigured' and process.alive()


def test_a_bad_parameter_can_be_corrected_without_a_restart(start_node):
    probe, _ = start_node('-p', 'max_depth:=80', '-p', 'depth_scale:=10.0')
    probe.diagnosis('cannot configure: max_depth')

    assert probe.set_parameters(max_depth=70.0) == []
    assert probe.transition('configure') and probe.transition('activate')

    depths = probe.listen('depth/image_rect', Image)
    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))


def test_an_old_name_of_a_parameter_is_taken_with_a_warning(start_node):
    probe, process = start_node('-p', 'autostart:=false', '-p', 'fit:=stretch')
    assert probe.parameter('resize_mode') == 'stretch'

    assert probe.set_parameters(fit='keep_aspect') == []
    refusals = probe.set_parameters(fit='crop')

    assert probe.parameter('resize_mode') == 'keep_aspect'
    assert "resize_mode 'crop' is not one of keep_aspect, stretch" in refusals[0]
    assert process.log().count('fit is called resize_mode now') == 2


def test_what_cannot_be_applied_while_running_is_refused_with_the_reason(configured):
    probe = configured(depth_scale=10.0)

    refusals = probe.set_parameters(
        model='other', max_depth=0.05, colormap='pink-ish', cloud_stride=2
    )

    assert 'model cannot change while the node is active' in refusals[0]
    assert 'min_depth 0.1 m must be smaller than max_depth 0.05 m' in refusals[1]
    assert "colormap 'pink-ish' is not one of" in refusals[2]
    assert len(refusals) == 3
    assert probe.parameter('cloud_stride') == 2


def test_a_missing_card_names_the_cards_there_are(start_node):
    probe, process = start_node(model='small_dpeth')

    status = probe.diagnosis('small_dpeth')

    assert 'untrained' in status.message
    assert process.alive()


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [('missing', 'constant.safetensors'), ('corrupt', 'sha256'), ('wrong hash', 'sha256')],
)
def test_bad_weights_are_a_message_and_not_a_crash(start_node, tmp_path, damage, reason):
    hashes = {'sha256': '0' * 64} if damage == 'wrong hash' else {}
    card = write_constant_card(tmp_path, **hashes)
    weights = tmp_path / 'constant.safetensors'
    if damage == 'missing':
        weights.unlink()
    if damage == 'corrupt':
        weights.write_bytes(weights.read_bytes()[:1000])

    probe, process = start_node(model=str(card))

    assert reason in probe.diagnosis('cannot configure').message
    assert process.alive() and probe.state() == 'unconfigured'


def test_all_zero_K_is_refused_until_a_calibration_comes(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    uncalibrated = camera_info(SIZE, k=[0.0] * 9, p=[0.0] * 12)

    status = probe.diagnosis('K is all zero', each=probe.replay(SIZE, uncalibrated))
    assert not depths and status.level == b'\x02'

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))


def test_an_image_without_camera_info_is_named_with_the_topic(configured):
    probe = configured(depth_scale=10.0)
    probe.listen('depth/image_rect', Image)
    images = probe.advertise('image', Image)

    status = probe.diagnosis('image without camera_info', each=lambda: images.publish(image(SIZE)))

    assert 'waiting for /camera_info (no publisher)' in status.message


def test_a_camera_info_of_another_size_is_named_with_both_sizes(configured):
    probe = configured(depth_scale=10.0)
    probe.listen('depth/image_rect', Image)

    status = probe.diagnosis(
        'the image is 96x48', each=probe.replay(SIZE, camera_info((100, 200)))
    )

    assert 'describes 200x100' in status.message


def test_an_unknown_encoding_is_named(configured):
    probe = configured(depth_scale=10.0)
    probe.listen('depth/image_rect', Image)

    status = probe.diagnosis('8SC4', each=probe.replay(SIZE, encoding='8SC4'))

    assert 'rgb8' in status.message and status.level == b'\x02'


def test_a_change_of_size_in_mid_stream_goes_on(configured):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)
    infos = probe.listen('depth/camera_info', CameraInfo)
    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))

    probe.spin_until(
        lambda: depths[-1].height == 60 and infos[-1].height == 60,
        'the new size',
        each=probe.replay((60, 80)),
    )

    assert list(infos[-1].k)[:3] == [40.0, 0.0, 39.5]


def test_frames_over_max_age_are_dropped_and_counted(configured):
    probe = configured(depth_scale=10.0, max_age=1e-6)
    depths = probe.listen('depth/image_rect', Image)

    status = probe.diagnosis('older than max_age', each=probe.replay(SIZE))

    assert not depths
    assert int({pair.key: pair.value for pair in status.values}['dropped_too_old']) > 0


def test_simulated_time_without_a_clock_is_named_and_depth_flows(start_node):
    probe, _ = start_node('-p', 'use_sim_time:=true', '-p', 'depth_scale:=10.0')
    depths = probe.listen('depth/image_rect', Image)
    replay = probe.replay(SIZE)

    probe.diagnosis('nothing publishes /clock', each=replay)

    probe.spin_until(lambda: depths, 'depth', each=replay)


def test_stamps_that_are_years_off_are_named(configured):
    probe = configured(depth_scale=10.0)
    probe.listen('depth/image_rect', Image)

    probe.diagnosis('years older than the clock', each=probe.replay(SIZE, start=1))
