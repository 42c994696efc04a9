from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from installation import ROOT

from mono_depth_ros.inference.cards import model_card
from mono_depth_ros.inference.cards.model_card import (
    ModelCard,
    list_cards,
    load_card,
    models_folder,
    write_card,
)
from mono_depth_ros.networks import list_networks

ENTRIES = {
    'network': 'monodepth2_resnet18',
    'network_options': {'some_option': True},
    'weights': 'street.safetensors',
    'sha256': 'ab' * 32,
    'input_size': [192, 640],
    'min_depth': 0.1,
    'max_depth': 100,
    'depth_unit': 'metric',
    'depth_scale': 5.4,
    'training_K': [[371, 0, 319.5], [0, 369.0, 95.5], [0, 0, 1]],
    'training_data': 'street',
    'license_code': 'Apache-2.0',
    'license_weights': 'CC0-1.0',
    'metrics': {'kitti': {'median_scaled': {'abs_rel': 0.106}, 'unscaled': {'abs_rel': 1}}},
    'references': {'row_prior': {'kitti': {'median_scaled': {'abs_rel': 0.44}}}},
    'parameters': 14_300_000,
    'macs': 8_010_000_000,
}


def card_file(folder: Path, name: str = 'street.yaml', **changes: object) -> Path:
    """Write ENTRIES with changes; a change to ... drops the key."""
    entries = {key: value for key, value in (ENTRIES | changes).items() if value is not ...}
    path = folder / name
    path.write_text(yaml.safe_dump(entries))
    return path


def test_a_card_holds_what_its_file_says(tmp_path):
    path = card_file(tmp_path)

    card = load_card(str(path))

    assert card == ModelCard(
        name='street',
        network='monodepth2_resnet18',
        network_options={'some_option': True},
        weights='street.safetensors',
        sha256='ab' * 32,
        input_size=(192, 640),
        min_depth=0.1,
        max_depth=100.0,
        depth_unit='metric',
        depth_scale=5.4,
        training_K=((371.0, 0.0, 319.5), (0.0, 369.0, 95.5), (0.0, 0.0, 1.0)),
        training_data='street',
        license_code='Apache-2.0',
        license_weights='CC0-1.0',
        metrics={'kitti': {'median_scaled': {'abs_rel': 0.106}, 'unscaled': {'abs_rel': 1}}},
        references={'row_prior': {'kitti': {'median_scaled': {'abs_rel': 0.44}}}},
        parameters=14_300_000,
        macs=8_010_000_000,
        path=path,
    )
    assert card.is_trained


@pytest.mark.parametrize(
    'changes', [{}, {'weights': 'none', 'seed': 3, 'sha256': ..., 'depth_unit': 'relative'}]
)
def test_a_written_card_reads_back_the_same(tmp_path, changes):
    card = load_card(card_file(tmp_path, **changes))

    write_card(card, tmp_path / 'street.yaml')

    assert load_card(tmp_path / 'street.yaml') == card


@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_a_card_of_before_metrics_were_nested_loads_as_what_became_of_it(tmp_path):
    card = load_card(Path(__file__).with_name('lite_hr_depth_lite0_flat.yaml'))

    now = load_card('lite_hr_depth_lite0')
    assert card.references['row_prior']['test_kitti2015_20']['median_scaled'] == {'abs_rel': 0.237}
    assert replace(card, name=now.name, path=now.path) == now


def test_flat_metrics_without_split_or_of_another_name_are_kept_with_a_warning(tmp_path):
    flat = {'abs_rel': 0.106, 'rmse_log_unscaled': 0.2, 'my_scale': 5.4}

    with pytest.warns(FutureWarning, match=r"street.yaml: 'metrics' has .*; expected numbers by"):
        card = load_card(card_file(tmp_path, metrics=flat, references=...))

    median_scaled = {'abs_rel': 0.106, 'my_scale': 5.4}
    unscaled = {'rmse_log': 0.2}
    assert card.metrics == {
        'unnamed images': {'median_scaled': median_scaled, 'unscaled': unscaled}
    }


def test_a_card_is_found_by_its_name_file_or_folder(tmp_path):
    path = card_file(tmp_path)

    assert load_card('untrained').path == models_folder() / 'untrained.yaml'
    assert load_card(path) == load_card(tmp_path)


@pytest.mark.parametrize('name', list_cards())
def test_every_card_of_the_package_is_valid_and_has_its_network(name):
    assert load_card(name).network in list_networks()


def test_the_untrained_card_says_so():
    card = load_card('untrained')

    assert not card.is_trained and card.seed == 0 and card.depth_unit == 'relative'
    assert 'untrained' in card.training_data and 'no trained weights' in card.license_weights


def test_a_mistyped_name_gets_the_nearest_and_all_cards():
    with pytest.raises(ValueError, match=r"'untraind'.*mean 'untrained'.*Available: .*untrained"):
        load_card('untraind')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'absent.yaml.*does not exist.*untrained'):
        load_card(tmp_path / 'absent.yaml')


def test_a_folder_with_several_cards_is_ambiguous(tmp_path):
    card_file(tmp_path, 'a.yaml')
    card_file(tmp_path, 'b.yaml')

    with pytest.raises(ValueError, match=r'exactly one model card.*found: a.yaml, b.yaml'):
        load_card(tmp_path)


def test_an_unknown_key_gets_the_nearest(tmp_path):
    path = card_file(tmp_path, sha_256='ab' * 32)

    with pytest.raises(ValueError, match=r"street.yaml: unknown key 'sha_256'.*mean 'sha256'"):
        load_card(path)


def test_missing_keys_are_all_named(tmp_path):
    path = card_file(tmp_path, network=..., license_weights=...)

    with pytest.raises(ValueError, match=r'street.yaml: missing network, license_weights'):
        load_card(path)


@pytest.mark.parametrize(
    ('key', 'value', 'expected'),
    [
        ('network', 3, 'the name of a network'),
        ('network_options', 'fast', 'options by name'),
        ('weights', ['a', 'b'], 'a file beside the card'),
        ('sha256', 'xyz', '64 hexadecimal digits'),
        ('seed', 1.5, 'a whole number'),
        ('input_size', [192, 640, 3], r'\[height, width\]'),
        ('input_size', [192.0, 640], r'\[height, width\]'),
        ('min_depth', '1e-3', 'a number'),
        ('max_depth', True, 'a number'),
        ('depth_scale', float('inf'), 'a number'),
        ('depth_unit', 'metres', 'metric or relative'),
        ('training_K', [[1, 0, 0], [0, 0, 0], [0, 0, 1]], 'the rows'),
        ('training_K', 371.0, 'the rows'),
        ('license_code', '', 'a text'),
        ('metrics', 0.106, 'numbers by split, scaling'),
        ('metrics', {'kitti': {'median_scaled': 0.106}}, 'numbers by split, scaling'),
        ('metrics', {'kitti': {'median': {'abs_rel': 0.1}}}, 'numbers by split, scaling'),
        ('metrics', {'kitti': {'unscaled': {'abs_rel': 'good'}}}, 'numbers by split, scaling'),
        ('metrics', {1: 0.106}, 'numbers by split, scaling'),
        ('references', {'kitti': {'unscaled': {'abs_rel': 0.1}}}, "others' metrics by their name"),
        ('parameters', '14 M', 'a whole number'),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_key(tmp_path, key, value, expected):
    path = card_file(tmp_path, **{key: value})

    with pytest.raises(ValueError, match=f"street.yaml: '{key}' is .*; expected {expected}"):
        load_card(path)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'weights': 'none', 'depth_unit': 'relative'}, "'seed' is missing"),
        ({'sha256': ...}, "'sha256' is missing.*sha256sum street.safetensors"),
        ({'input_size': [192, 650]}, r'\[192, 650\].*multiples of 32'),
        ({'input_size': [0, 640]}, 'multiples of 32'),
        ({'min_depth': 100.0}, 'expected 0 < min_depth < max_depth'),
        ({'min_depth': 0}, 'expected 0 < min_depth < max_depth'),
        ({'depth_scale': -1.0}, 'above 0'),
        ({'training_K': ...}, "'training_K' is missing"),
        ({'weights': 'none', 'seed': 0}, 'untrained weights know no metres'),
    ],
)
def test_contradictions_are_refused(tmp_path, changes, message):
    path = card_file(tmp_path, **changes)

    with pytest.raises(ValueError, match=f'street.yaml: .*{message}'):
        load_card(path)


@pytest.mark.parametrize('text', ['just a sentence', 'key: [unclosed'])
def test_a_file_that_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / 'broken.yaml'
    path.write_text(text)

    with pytest.raises(ValueError, match=r'broken.yaml: (not a YAML file|expected lines)'):
        load_card(path)


def test_the_documentation_explains_every_key():
    page = ROOT / 'docs' / 'model_cards.md'
    text = page.read_text(encoding='utf-8')

    assert [key for key in model_card.KEYS if f'`{key}`' not in text] == []
