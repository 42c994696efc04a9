"""docs/networks.md names the networks and options that there are, and no others."""

import re
from pathlib import Path

import pytest

from mono_depth_ros.networks import list_networks, network_info

PAGE = (Path(__file__).parents[2] / 'docs' / 'networks.md').read_text(encoding='utf-8')
SHARED = ('etm', 'etm_branch_drop', 'etm_element_drop', 'etm_shared_init')


def rows(head: str) -> dict[str, list[str]]:
    """Return a table's rows by the networks that their first cell names."""
    table = PAGE.split(head)[1].split('\n\n')[0].splitlines()[1:]
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in table]
    return {name: rest for first, *rest in cells for name in re.findall(r'`(\w+)`', first)}


@pytest.mark.parametrize('head', ['| network | paper | options |\n', '| network | parameters | '])
def test_a_table_has_every_network(head):
    assert sorted(rows(head)) == list_networks()


@pytest.mark.parametrize('name', list_networks())
def test_the_table_has_every_option_with_its_default(name):
    _, text = rows('| network | paper | options |\n')[name]
    written = dict(re.findall(r'`(\w+)` \(([^)]+)\)', text))

    own = [option for option in network_info(name).options if option.name not in SHARED]
    assert written == {option.name: str(option.default).lower() for option in own}
