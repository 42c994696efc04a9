"""docs/add_a_backend.md, followed in this process; and what documentation says of backends."""

import ast
import re
import sys

import pytest
import torch
from cards import UNTRAINED
from installation import ROOT

from mono_depth_ros.inference import backends
from mono_depth_ros.inference.backends.select import find_backend
from mono_depth_ros.inference.engine_options import BACKENDS
from mono_depth_ros.inference.estimator import DepthEstimator

PAGE = ROOT / 'docs' / 'add_a_backend.md'
PLACES = {1: '1st', 2: '2nd', 3: '3rd'}
DEVICES = {'cpu': 'the CPU', 'cuda': 'CUDA'}


@pytest.fixture
def followed(monkeypatch, tmp_path):
    """Do what the page says; return its last block, which uses the new backend."""
    page = PAGE.read_text(encoding='utf-8')
    module, line, use = re.findall(r'```python\n(.*?)```\n', page, re.DOTALL)
    ((name, file),) = ast.literal_eval(f'{{{line}}}').items()
    assert f'`mono_depth_ros/inference/backends/{file}.py`' in page
    (tmp_path / f'{file}.py').write_text(module, encoding='utf-8')
    monkeypatch.setattr(backends, '__path__', [*backends.__path__, str(tmp_path)])
    monkeypatch.setitem(BACKENDS, name, file)
    yield use
    sys.modules.pop(f'{backends.__name__}.{file}', None)


def test_the_backend_of_the_page_passes_the_gate_and_serves(followed):
    estimator = eval(followed, {'DepthEstimator': DepthEstimator, 'card': UNTRAINED})

    estimator.warm_up([UNTRAINED.input_size])

    served = estimator.served()
    assert served.backend == 'torch_export' and served.depth_error.problem('float32') == ''


def test_the_backend_of_the_page_can_do_what_it_says_and_no_more(followed):
    with pytest.raises(ValueError, match='it runs float32 here, not bfloat16'):
        find_backend('torch_export').check(torch.device('cpu'), 'bfloat16')
    with pytest.raises(ValueError, match=r'expected auto, torch, .*, torch_export'):
        find_backend('exprt')


def rows() -> dict[str, list[str]]:
    """Return the cells behind each name in the table of backends."""
    page = (ROOT / 'docs' / 'performance.md').read_text(encoding='utf-8')
    lines = page.split('| backend | devices |')[1].split('\n\n')[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    return {name.strip('`'): rest for name, *rest in cells}


def test_the_documentation_has_a_row_for_every_backend():
    assert set(rows()) == set(BACKENDS)


@pytest.mark.parametrize('name', BACKENDS)
def test_a_row_says_what_the_backend_can_do(name):
    backend = find_backend(name)
    devices, precisions, _, in_auto = rows()[name]

    places = [f'{PLACES[place]} on {DEVICES[type_]}' for type_, place in backend.auto.items()]
    assert {type_ for type_ in DEVICES if type_.upper() in devices} == set(backend.precisions)
    assert set(re.findall(r'\w*float\d+', precisions)) == set().union(*backend.precisions.values())
    assert in_auto == (', '.join(places) or 'by name only')
