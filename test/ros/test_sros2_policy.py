"""config/sros2_policy.xml is a policy, and allows what the node does and nothing more."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

POLICY = Path(__file__).parents[2] / 'config' / 'sros2_policy.xml'
NODE = '/depth_node'
# Element: its attributes, each with what it may say, and the elements inside it (SROS 2, policy
# schema 0.2.0; actions are left out, the node has none).
RULE = 'ALLOW|DENY'
SCHEMA = {
    'policy': ({'version': r'0\.2\.0'}, {'enclaves'}),
    'enclaves': ({}, {'enclave'}),
    'enclave': ({'path': r'/[\w/]*'}, {'profiles'}),
    'profiles': ({}, {'profile'}),
    'profile': ({'ns': r'/[\w/]*', 'node': r'\w+'}, {'topics', 'services'}),
    'topics': ({'publish': RULE, 'subscribe': RULE}, {'topic'}),
    'services': ({'reply': RULE, 'request': RULE}, {'service'}),
    'topic': ({}, set()),
    'service': ({}, set()),
}
OPTIONAL = {'publish', 'subscribe', 'reply', 'request'}


def profile() -> ElementTree.Element:
    (found,) = ElementTree.parse(POLICY).getroot().iter('profile')
    return found


def allowed(kind: str, rule: str) -> set[str]:
    """Return the full names that the policy allows under one rule, such as publish."""
    names = {
        entry.text
        for group in profile().findall(kind)
        if group.get(rule) == 'ALLOW'
        for entry in group
    }
    return {re.sub('^~', NODE, name) if name[0] in '/~' else f'/{name}' for name in names}


def test_the_policy_keeps_to_the_schema():
    for element in ElementTree.parse(POLICY).getroot().iter():
        attributes, children = SCHEMA[element.tag]
        required = set(attributes) - OPTIONAL

        assert required <= set(element.attrib) <= set(attributes), element.attrib
        assert all(
            re.fullmatch(attributes[name], value) for name, value in element.attrib.items()
        ), element.attrib
        assert {child.tag for child in element} <= children
        if not children:
            assert re.fullmatch(r'(~/|/)?\w+(/\w+)*', element.text or ''), element.text
        elif element.tag in ('topics', 'services'):
            assert len(element.attrib) == 1 and len(element) > 0


def test_the_policy_is_for_the_node_in_its_enclave():
    (enclave,) = ElementTree.parse(POLICY).getroot().iter('enclave')

    assert (enclave.get('path'), profile().get('ns'), profile().get('node')) == (
        NODE,
        '/',
        NODE[1:],
    )


def test_the_running_node_does_what_the_policy_allows_and_all_of_it(configured):
    def names(kind: str) -> set[str]:
        look = getattr(probe.node, f'get_{kind}_names_and_types_by_node')
        return {name for name, _ in look(NODE[1:], '/')}

    probe = configured(depth_scale=10.0, use_sim_time=True)
    probe.spin_until(
        lambda: '/image' in names('subscriber') and '/points' in names('publisher'),
        'the raw node in the graph',
    )
    subscribed, published = names('subscriber'), names('publisher')
    for step in ('deactivate', 'cleanup'):
        assert probe.transition(step)
    probe = configured(depth_scale=10.0, use_sim_time=True, image_transport='compressed')
    probe.spin_until(lambda: '/image/compressed' in names('subscriber'), 'the compressed node')

    assert subscribed | names('subscriber') == allowed('topics', 'subscribe')
    assert published | names('publisher') == allowed('topics', 'publish')
    assert names('service') == allowed('services', 'reply')
    assert names('client') == allowed('services', 'request') == set()
