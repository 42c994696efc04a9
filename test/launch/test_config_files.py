"""The configurations of RViz, Foxglove and Fast DDS: well-formed, and of our topics."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / 'config'
READ = {'image', 'camera_info'}
PUBLISHED = {
    'points',
    'depth/image_rect',
    'depth/camera_info',
    'depth/color',
    'image_rect',
    'depth_relative/image',
}
XML = {'dds': 'http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles'}


def rviz_displays() -> list[dict[str, Any]]:
    config = yaml.safe_load((CONFIG / 'depth.rviz').read_text(encoding='utf-8'))
    return [
        display for display in config['Visualization Manager']['Displays'] if 'Topic' in display
    ]


def foxglove() -> dict[str, Any]:
    return json.loads((CONFIG / 'foxglove.json').read_text(encoding='utf-8'))


def transports() -> dict[str, dict[str, str]]:
    root = ElementTree.parse(CONFIG / 'fastdds.xml').getroot()
    descriptors = root.findall('dds:transport_descriptors/dds:transport_descriptor', XML)
    values = [
        {child.tag.split('}')[1]: str(child.text) for child in descriptor}
        for descriptor in descriptors
    ]
    return {value['transport_id']: value for value in values}


def test_rviz_shows_image_color_depth_relative_depth_and_cloud():
    shown = {display['Topic']['Value'] for display in rviz_displays()}

    assert shown == {'image', 'depth/color', 'depth/image_rect', 'depth_relative/image', 'points'}


def test_rviz_topics_follow_the_namespace():
    assert not [
        display['Name'] for display in rviz_displays() if display['Topic']['Value'].startswith('/')
    ]


def test_rviz_reads_the_camera_best_effort_and_keeps_one_message_of_each_topic():
    topics = {display['Topic']['Value']: display['Topic'] for display in rviz_displays()}

    assert topics['image']['Reliability Policy'] == 'Best Effort'
    assert {topic['Depth'] for topic in topics.values()} == {1}
    assert {topic['Durability Policy'] for topic in topics.values()} == {'Volatile'}


def test_rviz_paints_the_cloud_in_the_colors_of_the_image():
    (cloud,) = (display for display in rviz_displays() if display['Topic']['Value'] == 'points')

    assert cloud['Class'] == 'rviz_default_plugins/PointCloud2'
    assert cloud['Color Transformer'] == 'RGB8'


def test_foxglove_panels_show_topics_of_the_node():
    panels = foxglove()['configById']
    images = {
        panel['imageMode'][key]
        for name, panel in panels.items()
        if name.startswith('Image!')
        for key in ('imageTopic', 'calibrationTopic')
        if key in panel['imageMode']
    }
    clouds = set(panels['3D!cloud']['topics'])

    assert {topic.removeprefix('/') for topic in images | clouds} <= READ | PUBLISHED
    assert {'/points', '/depth/color', '/depth/image_rect', '/depth_relative/image'} <= (
        images | clouds
    )
    assert panels['DiagnosticSummary!state']['topicToRender'] == '/diagnostics'


def test_foxglove_lays_out_every_panel_once():
    layout = foxglove()
    tabs = [tab['layout'] for tab in layout['configById']['Tab!depth']['tabs']]

    assert sorted(leaves(layout['layout']) + tabs) == sorted(layout['configById'])


def leaves(node: Any) -> list[str]:
    return [node] if isinstance(node, str) else leaves(node['first']) + leaves(node['second'])


def test_shared_memory_segment_holds_many_images_and_messages_of_any_camera():
    shared = transports()['large_shared_memory']

    assert shared['type'] == 'SHM'
    assert int(shared['segment_size']) == 64 * 2**20
    assert int(shared['maxMessageSize']) == 16 * 2**20
    assert int(shared['port_queue_capacity']) == 512


def test_udp_buffers_hold_two_images():
    udp = transports()['large_udp']

    assert udp['type'] == 'UDPv4'
    assert int(udp['sendBufferSize']) == int(udp['receiveBufferSize']) == 4 * 2**20


def test_processes_that_start_together_find_each_other_within_a_quarter_second():
    root = ElementTree.parse(CONFIG / 'fastdds.xml').getroot()
    count = root.findtext('.//dds:initialAnnouncements/dds:count', namespaces=XML)
    period = root.findtext('.//dds:initialAnnouncements/dds:period/dds:nanosec', namespaces=XML)

    assert (count, period) == ('20', '250000000')
    assert transports()['large_udp']['maxInitialPeersRange'] == '32'


def test_every_participant_uses_these_transports_and_no_others():
    root = ElementTree.parse(CONFIG / 'fastdds.xml').getroot()
    participant = root.find('dds:participant', XML)

    assert participant is not None and participant.get('is_default_profile') == 'true'
    used = [entry.text for entry in participant.findall('.//dds:userTransports/*', XML)]
    assert used == list(transports())
    assert participant.findtext('.//dds:useBuiltinTransports', namespaces=XML) == 'false'
