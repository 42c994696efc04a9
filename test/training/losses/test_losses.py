"""Every loss of the list: it has a name and a weight of its own, and is there with that weight."""

from dataclasses import replace

import pytest
from known_views import BARE, KnownMotion, KnownTeacher, objective

from mono_depth_ros.training.config.schema import PyramidConfig
from mono_depth_ros.training.losses.objective import LOSSES

# What gives each loss a weight, and nothing else one.
OPTIONS = {
    'photometric': {'photometric': 0.5},
    'bidirectional': {'photometric': 0.5, 'bidirectional': True},
    'smoothness': {'smoothness': 0.5},
    'hints': {'hints': 0.5},
    'velocity': {'velocity': 0.5},
    'triplet': {'triplet': 0.5},
    'distillation': {'distillation': 0.5},
    'apx': {'apx': 0.5},
}


def objective_of(options, **changes):
    loss = replace(BARE, photometric=0.0)
    return objective(
        motion=KnownMotion(0.0, 0.0, 0.1),
        loss=replace(loss, **options),
        teacher=KnownTeacher(20.0),
        **changes,
    )


def test_names_are_unique_and_all_but_two_are_tried_here():
    names = [kind.name for kind in LOSSES]

    assert sorted(names) == sorted([*OPTIONS, 'features', 'consistency'])


@pytest.mark.parametrize('name', OPTIONS)
def test_a_loss_is_there_with_its_weight_alone(name):
    found = objective_of(OPTIONS[name])

    (loss,) = found.losses.values()
    assert list(found.losses) == [name]
    assert loss.weight == (1.0 if name == 'bidirectional' else 0.5)
    assert found.needs == loss.needs and list(objective_of({}).losses) == []


def test_other_resolutions_have_the_losses_that_the_batch_has():
    found = objective_of({'photometric': 1.0, 'smoothness': 0.1}, multi_resolution=True)

    assert list(found.losses) == ['photometric', 'smoothness', 'consistency']
    assert [part.name for part in found.losses['consistency'].parts] == [
        'photometric',
        'smoothness',
    ]


def test_a_pyramid_takes_a_pass_for_every_level():
    assert objective_of({'photometric': 1.0}).passes == 1
    assert (
        objective_of({'photometric': 1.0}, pyramid=PyramidConfig(levels=('hr', 'flip'))).passes
        == 3
    )
