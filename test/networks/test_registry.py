from typing import Annotated

import pytest

from mono_depth_ros.networks import create_network, list_networks, network_info
from mono_depth_ros.networks.registry import register_network


def test_list_is_sorted_and_holds_the_papers_networks():
    names = list_networks()

    assert names == sorted(names)
    assert {'monodepth2_resnet18', 'hr_depth', 'lite_hr_depth', 'small_depth', 'lka_depth'} <= set(
        names
    )


def test_unknown_network_names_the_nearest_and_the_list():
    with pytest.raises(ValueError, match=r"'hr_deph'\. Did you mean 'hr_depth'\? Avail.*lka"):
        create_network('hr_deph')


def test_network_unlike_any_other_gets_the_list_alone():
    with pytest.raises(ValueError, match=r"'zzz'\. Available: .*hr_depth, lite"):
        network_info('zzz')


def test_unknown_option_names_the_nearest_one():
    with pytest.raises(
        ValueError, match=r"no option 'se_before_act'\. Did you mean 'se_before_activation'\?"
    ):
        create_network('lite_hr_depth', se_before_act=True)


def test_network_without_options_of_its_own_has_those_of_every_network():
    with pytest.raises(ValueError, match=r"no option 'depth'\. Available: etm, etm_branch_drop"):
        create_network('monodepth2_resnet18', depth=18)


def test_option_of_the_wrong_type_names_the_right_one():
    with pytest.raises(ValueError, match=r"is 'yes'; it must be bool, for example False"):
        create_network('lite_hr_depth', se_before_activation='yes')


@pytest.mark.parametrize('name', list_networks())
def test_info_names_paper_size_and_every_option(name):
    info = network_info(name)

    assert info.name == name
    assert 'et al.' in info.paper or ' and ' in info.paper
    assert all(extent % 32 == 0 for extent in info.input_size)
    assert all(option.meaning for option in info.options)


def test_option_table_comes_from_the_signature():
    own, _, _, shared, *_ = network_info('lite_hr_depth').options

    assert (own.name, own.default) == ('se_before_activation', False)
    assert 'activation' in own.meaning
    assert (shared.name, shared.default) == ('etm', False)


def test_second_network_of_the_same_name_is_refused():
    def hr_depth(width: Annotated[int, 'unused'] = 1): ...

    with pytest.raises(ValueError, match="'hr_depth' exists already"):
        register_network(paper='Nobody et al.', input_size=(32, 32))(hr_depth)
