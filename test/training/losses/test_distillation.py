"""A teacher speaks in the student's unit, range and focal length."""

from dataclasses import replace
from math import log

import pytest
import torch
from known_views import FOCAL, PLAIN, KnownTeacher, batch_of, noise, objective, sample
from known_views import SIZE as VIEW

from mono_depth_ros.geometry.disparity import disparity_to_depth
from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.inference.cards.model_card import ModelCard, load_card, write_card
from mono_depth_ros.networks import create_network
from mono_depth_ros.training.config.schema import LossConfig, TrainConfig
from mono_depth_ros.training.data.batch import AugmentedData, SampleIndex, collate
from mono_depth_ros.training.losses.distillation import Imitation
from mono_depth_ros.training.losses.teacher import Teacher, TeacherOutput, Teachers

SIZE = (64, 128)
STUDENT = TrainConfig(input_size=SIZE, min_depth=0.5, max_depth=200.0, canonical_focal=True)
IMAGE = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def intrinsics(focal: float) -> torch.Tensor:
    return torch.tensor([[focal, 0, 64], [0, focal, 32], [0, 0, 1]]).expand(2, 3, 3)


def save_constant(path, logit=0.0):
    """Write weights of a small_depth that says the same disparity everywhere; return the sum."""
    network = create_network('small_depth')
    with torch.no_grad():
        for head in network.heads:
            head.conv.weight.zero_()
            head.conv.bias.fill_(logit)
    return save_weights(network, path)


@pytest.fixture
def card(tmp_path):
    """A network that says disparity 0.5 everywhere: 2 / (1 / 1 + 1 / 100) = 1.98 units."""
    card = ModelCard(
        name='teacher',
        network='small_depth',
        weights='teacher.safetensors',
        sha256=save_constant(tmp_path / 'teacher.safetensors'),
        input_size=(32, 64),
        min_depth=1.0,
        max_depth=100.0,
        depth_unit='metric',
        depth_scale=5.0,
        training_K=((40.0, 0.0, 32.0), (0.0, 40.0, 16.0), (0.0, 0.0, 1.0)),
        training_data='none',
        license_code='Apache-2.0',
        license_weights='none',
    )
    write_card(card, tmp_path / 'teacher.yaml')
    return load_card(tmp_path / 'teacher.yaml')


def taught(teacher, focal=80):
    return teacher.output(IMAGE, intrinsics(focal), SIZE[0]).disparities[0]


def student_depth(card, config, focal, training_focal):
    disparity = taught(Teacher(card, config, training_focal), focal)
    assert disparity.shape == (2, 1, *card.input_size)
    depth = disparity_to_depth(disparity, config.min_depth, config.max_depth)
    assert depth.min() == pytest.approx(depth.max().item(), rel=1e-4)
    return depth.mean().item()


def test_a_teacher_follows_its_images_to_their_device(card):
    teacher, (height, width) = Teacher(card, STUDENT, 80), card.input_size
    image = IMAGE[..., :height, :width].to('meta')

    teacher.output(image, intrinsics(40).to('meta'), height)

    assert {part.device.type for part in teacher.network.parameters()} == {'meta'}


def test_the_same_camera_keeps_the_teacher_s_metres(card):
    # 80 px at 64 rows are 40 px at the teacher's 32: its own focal length
    assert student_depth(card, STUDENT, 80, 80) == pytest.approx(1.980198 * 5.0, rel=1e-3)


def test_the_student_may_count_in_another_unit(card):
    config = replace(STUDENT, depth_scale=2.5)

    assert student_depth(card, config, 80, 80) == pytest.approx(1.980198 * 2.0, rel=1e-3)


def test_a_zoomed_image_shows_the_scene_farther_but_counts_at_the_training_camera(card):
    # twice the focal length: what looks 9.9 m away is 19.8 m away, which counts as 9.9 m
    assert student_depth(card, STUDENT, 160, 80) == pytest.approx(1.980198 * 5.0, rel=1e-3)
    plain = replace(STUDENT, canonical_focal=False)
    assert student_depth(card, plain, 160, 80) == pytest.approx(1.980198 * 10.0, rel=1e-3)


def test_a_relative_teacher_hands_on_its_own_units(card):
    relative = replace(card, depth_unit='relative')

    assert student_depth(relative, STUDENT, 160, 80) == pytest.approx(1.980198, rel=1e-3)


def test_depth_out_of_the_student_s_range_is_its_nearest_or_farthest(card):
    config = replace(STUDENT, max_depth=5.0)

    disparity = taught(Teacher(card, config, 80))

    assert torch.equal(disparity, torch.zeros_like(disparity))


def test_a_relative_teacher_beside_a_stereo_partner_is_refused(card):
    relative = replace(card, depth_unit='relative')

    with pytest.raises(ValueError, match=r"'teacher' is relative.*metric teacher"):
        Teacher(relative, replace(STUDENT, supervision='S'), 80)
    Teacher(card, replace(STUDENT, supervision='S'), 80)


def test_an_untrained_teacher_is_refused(card):
    untrained = replace(card, weights=None, sha256=None, seed=0, depth_unit='relative')

    with pytest.raises(ValueError, match="'teacher' is untrained"):
        Teacher(untrained, STUDENT, 80)


def at_depth(card, folder, name, depth, size=(32, 64)):
    """The card of a network that says the same depth [units] everywhere, in metres as they are."""
    disparity = (1 / depth - 0.01) / 0.99
    sha256 = save_constant(folder / f'{name}.safetensors', log(disparity / (1 - disparity)))
    focal = 80.0 * size[0] / SIZE[0]
    card = replace(
        card,
        name=name,
        weights=f'{name}.safetensors',
        sha256=sha256,
        input_size=size,
        depth_scale=1.0,
        training_K=((focal, 0.0, 32.0), (0.0, focal, 16.0), (0.0, 0.0, 1.0)),
    )
    write_card(card, folder / f'{name}.yaml')
    return load_card(folder / f'{name}.yaml')


def test_of_several_teachers_the_mean_of_log_depths_counts_at_the_largest_size(card, tmp_path):
    near = Teacher(at_depth(card, tmp_path, 'near', 4.0), STUDENT, 80)
    far = Teacher(at_depth(card, tmp_path, 'far', 32.0, (64, 128)), STUDENT, 80)

    def depth(*members):
        answer = taught(Teachers(members, STUDENT))
        return disparity_to_depth(answer, STUDENT.min_depth, STUDENT.max_depth)

    assert depth(near, far).shape == (2, 1, 64, 128)
    assert depth(near, far).mean().item() == pytest.approx((4 * 32) ** 0.5, rel=1e-3)
    assert depth(near, far, near).mean().item() == pytest.approx((4 * 4 * 32) ** (1 / 3), rel=1e-3)
    assert torch.equal(taught(Teachers([far], STUDENT)), taught(far))


def test_of_several_teachers_the_first_shows_its_features(card, tmp_path):
    members = [
        Teacher(at_depth(card, tmp_path, name, 4.0, size), STUDENT, 80)
        for name, size in (('first', (32, 64)), ('second', (64, 128)))
    ]
    teachers = Teachers(members, STUDENT)

    shown = teachers.output(IMAGE, intrinsics(80), SIZE[0])

    alone = members[0].output(IMAGE, intrinsics(80), SIZE[0])
    assert teachers.network is members[0].network and shown.height == alone.height == 32
    assert all(map(torch.equal, shown.encoded, alone.encoded))
    assert len(shown.disparities) == 1


@pytest.mark.slow
def test_teachers_of_different_units_are_refused(card, tmp_path):
    relative = replace(card, name='other', depth_unit='relative')

    with pytest.raises(ValueError, match=r"'teacher' \(metric\) and 'other' \(relative\)"):
        Teachers([Teacher(card, STUDENT, 80), Teacher(relative, STUDENT, 80)], STUDENT)


def test_a_teacher_is_asked_in_half_precision_too(card):
    teacher = Teacher(card, STUDENT, 80)

    with torch.autocast('cpu', torch.bfloat16):
        disparity = taught(teacher)

    assert disparity.dtype == torch.float32
    torch.testing.assert_close(disparity, taught(teacher), atol=2e-3, rtol=0)


def test_an_encoder_is_compared_by_a_linear_map_per_stage_from_an_eighth_on():
    student, other = create_network('small_depth'), create_network('lite_hr_depth_lite0')
    imitation = Imitation(student, other)
    assert [tuple(stage.weight.shape[:2]) for stage in imitation.maps] == [
        (40, 128),
        (112, 256),
        (320, 512),
    ]
    assert student.training  # as it was

    with torch.no_grad():
        own = student.eval().encode(IMAGE)
        taught = TeacherOutput(other.eval().encode(IMAGE), [], [], SIZE[0])
    before = imitation(own, taught, SIZE[0])
    assert before.shape == (2,)
    optimizer = torch.optim.Adam(imitation.parameters(), 0.02)
    for _ in range(30):
        optimizer.zero_grad()
        imitation(own, taught, SIZE[0]).sum().backward()
        optimizer.step()
    assert (imitation(own, taught, SIZE[0]) < 0.75 * before).all()


def test_a_student_whose_features_are_a_linear_map_away_has_nothing_to_learn():
    network = create_network('small_depth').eval()
    imitation = Imitation(network, network)
    own = [
        torch.randn(2, width, 64 >> level, 128 >> level)
        for level, width in enumerate((32, 64, 128, 256, 512), 1)
    ]
    taught = TeacherOutput([3 * feature + 1 for feature in own], [], [], SIZE[0])
    with torch.no_grad():
        for stage, feature in zip(imitation.maps, own[2:]):
            spread, mean = torch.std_mean(feature, (0, 2, 3), correction=0)
            stage.weight.copy_(torch.diag(1 / spread)[:, :, None, None])
            stage.bias.copy_(-mean / spread)

    assert imitation(own, taught, SIZE[0]).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_a_teacher_is_matched_by_absolute_difference_and_stays_as_it_is():
    teacher = KnownTeacher(20.0)
    alone = LossConfig(levels=2, photometric=0.0, smoothness=0.0, distillation=1.0)
    found = objective(10.0, loss=alone, levels=2, teacher=teacher)

    result = found(batch_of(sample(noise())))
    result.loss.sum().backward()

    difference = (found.depth.value - teacher.network.value).item()
    assert result.loss.item() == pytest.approx(abs(difference))
    assert found.depth.value.grad > 0
    assert not teacher.network.training and teacher.network.value.grad is None
    assert not [name for name in found.state_dict() if 'teacher' in name]


def test_a_teacher_may_be_matched_in_log_depth():
    alone = LossConfig(
        levels=2, photometric=0.0, smoothness=0.0, distillation=1.0, distillation_of='log_depth'
    )

    result = objective(10.0, loss=alone, levels=2, teacher=KnownTeacher(20.0))(
        batch_of(sample(noise()))
    )

    assert result.loss.item() == pytest.approx(log(2), rel=1e-4)


def test_a_teacher_sees_colors_as_they_are():
    class Seen(KnownTeacher):
        def output(self, image, K, height):
            self.seen = image
            return super().output(image, K, height)

    options = replace(PLAIN, jitter=1.0)
    drawn = AugmentedData([sample(noise())], VIEW, options, 0)[SampleIndex(0, 0, 0)]
    batch = collate([drawn]).to(torch.device('cpu'))
    teacher = Seen(20.0)

    objective(10.0, loss=LossConfig(levels=1, distillation=1.0, photometric=0.0), teacher=teacher)(
        batch
    )

    assert not torch.equal(batch.target, batch.target_colors)
    assert torch.equal(teacher.seen, batch.target)


def test_a_teacher_of_larger_images_sees_them_and_the_student_sees_them_smaller():
    class Seen(KnownTeacher):
        def output(self, image, K, height):
            self.seen, self.K, self.height = image, K, height
            return super().output(image, K, height)

    batch, teacher = batch_of(sample(noise())), Seen(20.0)
    size = (VIEW[0] // 2, VIEW[1] // 2)
    found = objective(
        10.0,
        loss=LossConfig(levels=1, distillation=1.0, photometric=0.0),
        teacher=teacher,
        supervision='T',
        input_size=size,
    )

    result = found(batch)

    assert torch.equal(teacher.seen, batch.target) and teacher.height == size[0]
    assert teacher.K[0, 0, 0] == FOCAL / 2
    assert result.images.disparity.shape == (1, *size)
    difference = (found.depth.value - teacher.network.value).item()
    assert result.loss.item() == pytest.approx(abs(difference))
