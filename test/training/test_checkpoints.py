"""A checkpoint is whole or named as damaged, and holds nothing that could run."""

from dataclasses import asdict

import pytest
import torch

from mono_depth_ros.training.checkpoints import FILE_NAME, load_checkpoint, save_checkpoint
from mono_depth_ros.training.config.schema import TrainConfig


def state(step=3):
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        'step': step,
        'objective': layer.state_dict(),
        'config': asdict(TrainConfig()),
        'optimizer': optimizer.state_dict(),
        'random': torch.get_rng_state(),
    }


def test_what_was_saved_is_loaded(tmp_path):
    saved = state()

    save_checkpoint(tmp_path / 'new' / 'folder', saved)
    loaded = load_checkpoint(tmp_path / 'new' / 'folder')

    assert loaded['step'] == 3 and loaded['config'] == asdict(TrainConfig())
    assert torch.equal(loaded['objective']['weight'], saved['objective']['weight'])
    assert torch.equal(loaded['random'], saved['random'])
    torch.optim.AdamW(torch.nn.Linear(3, 2).parameters()).load_state_dict(loaded['optimizer'])


def test_weights_of_earlier_releases_get_their_names_of_today(tmp_path):
    weights = {'depth.heads.0.conv.bias': torch.zeros(1), 'imitation.maps.0.bias': torch.ones(2)}
    save_checkpoint(tmp_path, state() | {'objective': weights})

    loaded = load_checkpoint(tmp_path)['objective']

    assert list(loaded) == ['depth.heads.0.conv.bias', 'losses.features.imitation.maps.0.bias']


def test_a_checkpoint_replaces_the_one_before_and_leaves_nothing_else(tmp_path):
    save_checkpoint(tmp_path, state(1))
    save_checkpoint(tmp_path, state(2))

    assert load_checkpoint(tmp_path)['step'] == 2
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_half_a_checkpoint_of_a_killed_training_is_never_looked_at(tmp_path):
    save_checkpoint(tmp_path, state(1))
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / f'{FILE_NAME}.new').write_bytes(whole[:1000])

    assert load_checkpoint(tmp_path)['step'] == 1
    save_checkpoint(tmp_path, state(2))
    assert load_checkpoint(tmp_path)['step'] == 2


def test_a_failing_write_leaves_the_checkpoint_as_it_was(tmp_path):
    save_checkpoint(tmp_path, state(1))

    with pytest.raises(Exception, match='pickle'):
        save_checkpoint(tmp_path, {'step': lambda: None})

    assert load_checkpoint(tmp_path)['step'] == 1


def test_without_a_checkpoint_the_cure_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint '.*' to resume from.*--resume"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize('share', [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_named(tmp_path, share):
    save_checkpoint(tmp_path, state())
    path = tmp_path / FILE_NAME
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])

    with pytest.raises(ValueError, match=r"Checkpoint '.*checkpoint\.pt' cannot be read"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    'data', [b'hello', b'\x80\x02.', b'PK\x03\x04' + bytes(100), bytes(1000), b'garbage ' * 100]
)
def test_another_file_is_named(tmp_path, data):
    (tmp_path / FILE_NAME).write_bytes(data)

    with pytest.raises(ValueError, match='cannot be read'):
        load_checkpoint(tmp_path)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    torch.save({'step': 1, 'objective': torch.nn.Linear(1, 1)}, tmp_path / FILE_NAME)

    with pytest.raises(ValueError, match='cannot be read'):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize('saved', [[1, 2], {'weight': torch.ones(2)}])
def test_a_file_of_something_else_is_no_checkpoint(tmp_path, saved):
    torch.save(saved, tmp_path / FILE_NAME)

    with pytest.raises(ValueError, match=r'cannot be read .expected config, objective, optimizer'):
        load_checkpoint(tmp_path)
