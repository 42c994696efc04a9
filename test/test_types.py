import json

import pytest

from mono_depth_ros.types import DepthKind


@pytest.mark.parametrize('kind', DepthKind)
def test_a_kind_of_depth_is_its_name_in_messages_reports_and_comparisons(kind):
    assert f'{kind}' == str(kind) == kind == kind.name.lower()
    assert json.dumps({'kind': kind}) == f'{{"kind": "{kind.value}"}}'
    assert {kind.value: 1}[kind] == 1
