"""Every recipe learns: some twenty of its own steps on one fixed batch of the street."""

from statistics import mean

import pytest
from cards import TAUGHT, write_teacher
from watched_training import first_steps

from mono_depth_ros.training.config.parse import list_recipes, parse_config

ONE_BATCH = [
    '--data', 'street', '--input_size', '[64, 64]', '--batch_size', '1',
    '--reading.options', '{frames: 2}', '--reading.workers', '0',
    '--augmentation', '{flip: 0, jitter: 0, zoom: [1, 1], mix: 0, overlay: 0, blend: 0, boxes: 0}',
    '--optimizer.warmup_steps', '0', '--accelerator', 'cpu']  # fmt: skip
# What a recipe asks of its data or of its user, at this size and without files.
NEEDS = {
    'lite_hr_depth_lite0_kitti': [
        '--encoder_weights', 'none', '--reading.options', '{frames: 2, known_poses: true}'],
    'lite_hr_depth_lite0_kitti_fine': [
        '--also', '[]', '--reading.options', '{frames: 2, known_poses: true}'],
    # from scratch and unmasked, a pose network that starts at full rate may first go astray
    'small_depth': ['--optimizer.warmup_steps', '10'],
    # a pose network wants 64 rows, and five levels of two neighbours would take half a minute
    'small_depth_distilled': [
        '--pyramid.lr_factor', '1.0', '--pyramid.hr_factor', '1.0', '--reading.offsets', '[-1]'],
}  # fmt: skip
pytestmark = pytest.mark.slow
# Large networks, whose loss falls from the first step on.
FEWER_STEPS = dict.fromkeys(('hqdec_v2', 'lka_depth', 'ra_depth', 'small_depth_distilled'), 12)


@pytest.mark.parametrize('name', list_recipes())
def test_the_loss_falls_on_one_fixed_batch(name, tmp_path):
    teacher = ['--teacher', write_teacher(tmp_path)] if name.endswith(TAUGHT) else []

    steps = first_steps(parse_config([
        '--recipe', name, *ONE_BATCH, *NEEDS.get(name, []), *teacher,
        '--output', str(tmp_path)]), FEWER_STEPS.get(name, 20))  # fmt: skip

    losses = [step.loss for step in steps]
    assert mean(losses[-5:]) < 0.97 * mean(losses[:5])
