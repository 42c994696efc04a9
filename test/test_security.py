"""What comes from elsewhere, files and cards, runs no code and reaches nothing."""

import ast
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cards import UNTRAINED

from mono_depth_ros.inference.cards.checkpoint import file_sha256, load_network, read_state
from mono_depth_ros.inference.cards.model_card import load_card, write_card
from mono_depth_ros.inference.importers.importer import import_checkpoint
from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.encoders import Encoder
from mono_depth_ros.training.checkpoints import FILE_NAME, load_checkpoint
from mono_depth_ros.training.pretrained import load_encoder_weights

ROOT = Path(__file__).parents[1]
PICKLES = ('pickle', 'dill', 'joblib', 'marshal', 'shelve', 'cPickle')


class Malice:
    """Leave a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def write_pickle(path: Path, trace: Path, kind: str) -> None:
    state = {'weight': torch.zeros(2), 'malice': Malice(trace)}
    if kind == 'plain':
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == 'zip')


@pytest.fixture(params=['zip', 'legacy', 'plain'])
def malicious(request, tmp_path) -> Iterator[tuple[Path, Path]]:
    """A file that would make a folder, tried once to prove it, and that folder."""
    path, trace = tmp_path / 'model.pth', tmp_path / 'trace'
    write_pickle(path, trace, request.param)
    with path.open('rb') as file:
        if request.param == 'plain':
            pickle.load(file)
        else:
            torch.load(file, weights_only=False)
    assert trace.is_dir(), 'the file is harmless, so the test would prove nothing'
    trace.rmdir()
    yield path, trace
    assert not trace.exists()


def card_of(path: Path, weights: str, digest: str = '0' * 64) -> Path:
    text = '\n'.join(
        [
            'network: monodepth2_resnet18',
            f"weights: '{weights}'",
            f"sha256: '{digest}'",
            'input_size: [64, 96]',
            'min_depth: 0.1',
            'max_depth: 100.0',
            'depth_unit: relative',
            'training_data: none',
            'license_code: x',
            'license_weights: x',
        ]
    )
    path.write_text(text, encoding='utf-8')
    return path


@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.safetensors'])
def test_a_card_with_a_malicious_pickle_is_refused(malicious, suffix):
    path, _ = malicious
    weights = path.with_suffix(suffix)
    weights.write_bytes(path.read_bytes())
    card = load_card(card_of(path.with_suffix('.yaml'), weights.name, file_sha256(weights)))

    with pytest.raises(ValueError, match=r'could run code|not a readable safetensors file'):
        load_network(card)


@pytest.mark.parametrize('file', ['encoder.pth', 'depth.pth'])
def test_importing_a_malicious_pickle_is_refused(malicious, tmp_path, file):
    folder = tmp_path / 'theirs'
    folder.mkdir()
    for name in ('encoder.pth', 'depth.pth'):
        torch.save({'weight': torch.zeros(1)}, folder / name)
    (folder / file).write_bytes(malicious[0].read_bytes())

    with pytest.raises(ValueError, match=f'{file}.* is not a readable PyTorch file of plain'):
        import_checkpoint(folder, tmp_path / 'out')


def test_resuming_from_a_malicious_pickle_is_refused(malicious, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(malicious[0].read_bytes())

    with pytest.raises(ValueError, match='cannot be read'):
        load_checkpoint(tmp_path)


def test_encoder_weights_in_a_malicious_pickle_are_refused(malicious):
    network = create_network('monodepth2_resnet18')
    assert isinstance(network.encoder, Encoder)

    with pytest.raises(ValueError, match='could run code'):
        load_encoder_weights(network, malicious[0])


def damaged(data: bytes, count: int) -> Iterator[bytes]:
    for place in range(0, len(data), max(1, len(data) // count)):
        yield data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def test_a_damaged_pickle_is_read_or_refused_in_a_sentence(tmp_path):
    path, refused = tmp_path / 'model.pth', 0
    torch.save({'weight': torch.zeros(2)}, path)

    for data in damaged(path.read_bytes(), 400):
        path.write_bytes(data)
        try:
            read_state(path)
        except ValueError as error:
            refused += 1
            assert 'model.pth' in str(error)

    assert refused > 100


@pytest.mark.parametrize(
    'weights',
    [
        '../secret.safetensors',
        'deeper/../../secret.safetensors',
        '/etc/hostname',
        'link.safetensors',
    ],
)
def test_weights_outside_of_the_card_s_folder_are_refused(tmp_path, weights):
    (tmp_path / 'secret.safetensors').write_bytes(b'secret')
    folder = tmp_path / 'models'
    (folder / 'deeper').mkdir(parents=True)
    (folder / 'link.safetensors').symlink_to('../secret.safetensors')

    with pytest.raises(ValueError, match=r"lie outside the card's folder .*Put the file beside"):
        load_network(load_card(card_of(folder / 'card.yaml', weights)))


def test_an_install_of_links_still_finds_its_weights(tmp_path):
    source, install = tmp_path / 'source', tmp_path / 'install'
    source.mkdir()
    install.mkdir()
    (source / 'weights.safetensors').write_bytes(b'not what the card says')
    card_of(source / 'card.yaml', 'weights.safetensors')
    for name in ('card.yaml', 'weights.safetensors'):
        (install / name).symlink_to(source / name)

    with pytest.raises(ValueError, match='have sha256'):
        load_network(load_card(install / 'card.yaml'))


@pytest.mark.parametrize('name', ['../elsewhere', '/tmp/elsewhere', '..', 'a/b'])
def test_an_imported_card_cannot_be_named_into_another_folder(tmp_path, name):
    for file in ('encoder.pth', 'depth.pth'):
        torch.save({}, tmp_path / file)

    with pytest.raises(ValueError, match='cannot name a card; expected a file name without'):
        import_checkpoint(tmp_path, tmp_path / 'out', name=name)


def test_a_card_cannot_build_python_objects(tmp_path):
    path = tmp_path / 'card.yaml'
    write_card(UNTRAINED, path)
    trace = tmp_path / 'trace'
    text = path.read_text(encoding='utf-8').replace(
        'training_data:', f'training_data: !!python/object/apply:os.mkdir ["{trace}"] #'
    )
    path.write_text(text, encoding='utf-8')

    with pytest.raises(ValueError, match='not a YAML file'):
        load_card(path)
    assert not trace.exists()


def test_a_card_that_multiplies_itself_is_refused_in_a_short_sentence(tmp_path):
    lines = ['network: &a0 [x, x, x, x, x, x, x, x, x, x]']
    lines += [
        f'{key}: &a{n} [{", ".join([f"*a{n - 1}"] * 10)}]'
        for n, key in enumerate(
            (
                'weights',
                'sha256',
                'seed',
                'training_data',
                'license_code',
                'license_weights',
                'depth_unit',
                'min_depth',
                'max_depth',
                'input_size',
            ),
            1,
        )
    ]
    path = tmp_path / 'card.yaml'
    path.write_text('\n'.join(lines), encoding='utf-8')

    with pytest.raises(ValueError, match=r"'network' is .*expected the name") as error:
        load_card(path)
    assert len(str(error.value)) < 500


# -- the source --------------------------------------------------------------------------------


def calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in ('mono_depth_ros', 'launch', 'benchmarks'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                if isinstance(node, ast.Call):
                    yield f'{path.relative_to(ROOT)}:{node.lineno}', node


def keyword(call: ast.Call, name: str) -> object:
    return next(
        (
            word.value.value
            for word in call.keywords
            if word.arg == name and isinstance(word.value, ast.Constant)
        ),
        None,
    )


def is_unsafe(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name == 'torch.load':
        return keyword(call, 'weights_only') is not True
    if name in ('np.load', 'numpy.load'):
        return keyword(call, 'allow_pickle') is True
    unsafe_yaml = name.startswith('yaml.') and 'load' in name and name != 'yaml.safe_load'
    return (
        unsafe_yaml
        or keyword(call, 'shell') is True
        or name in ('eval', 'exec', 'os.system')
        or name.startswith(('torch.hub', 'urllib.request', 'requests.'))
        or name.split('.')[0] in PICKLES
    )


@pytest.mark.parametrize(
    ('text', 'unsafe'),
    [
        ('torch.load(p)', True),
        ('torch.load(p, weights_only=True)', False),
        ('yaml.load(t)', True),
        ('yaml.safe_load(t)', False),
        ('pickle.loads(b)', True),
        ('np.load(p, allow_pickle=True)', True),
        ('run(c, shell=True)', True),
        ('run(c)', False),
        ('torch.hub.load_state_dict_from_url(u)', True),
    ],
)
def test_an_unsafe_call_is_told_from_a_safe_one(text, unsafe):
    call = ast.parse(text, mode='eval').body
    assert isinstance(call, ast.Call)

    assert is_unsafe(call) == unsafe


@pytest.mark.slow
def test_no_source_unpickles_runs_text_or_fetches():
    assert [place for place, call in calls() if is_unsafe(call)] == []
