# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""RViz and Foxglove are told of topics that exist, by displays that can show them."""

from collections.abc import Iterator
import json
from pathlib import Path

from rtformer_ros.ros.output.classes import CLASS_TOPICS
from rtformer_ros.ros.output.converters import IMAGE_OUTPUTS, MESSAGE_OUTPUTS
import yaml

CONFIG = Path(__file__).resolve().parents[2] / 'config'
NODE = '/segmentation_node'
SHOWN = {'overlay', 'color_mask', 'legend', 'points', 'costmap', 'scan'}
RVIZ_DISPLAYS = {
    'Image': 'rviz_default_plugins/Image',
    'OccupancyGrid': 'rviz_default_plugins/Map',
    'LaserScan': 'rviz_default_plugins/LaserScan',
    'PointCloud2': 'rviz_default_plugins/PointCloud2',
}


def message_name(topic: str) -> str:
    if topic in IMAGE_OUTPUTS:
        return 'Image'
    if topic in CLASS_TOPICS:
        return CLASS_TOPICS[topic].find_type().__name__
    return MESSAGE_OUTPUTS[topic].message_type.__name__


def test_rviz_shows_each_topic_in_a_display_of_its_type_that_gets_the_messages():
    document = yaml.safe_load((CONFIG / 'seg.rviz').read_text())
    displays = [d for d in document['Visualization Manager']['Displays'] if 'Topic' in d]
    by_topic = {display['Topic']['Value']: display for display in displays}
    camera = by_topic.pop('/image')
    # A reliable subscription would get nothing from a best-effort camera.
    assert camera['Topic']['Reliability Policy'] == 'Best Effort'
    assert set(by_topic) == {f'{NODE}/{topic}' for topic in SHOWN}
    for topic in SHOWN:
        display = by_topic[f'{NODE}/{topic}']
        assert display['Enabled'] is True
        assert display['Class'] == RVIZ_DISPLAYS[message_name(topic)]
        # A latched subscription would get nothing from a volatile publisher.
        durability = 'Transient Local' if topic in CLASS_TOPICS else 'Volatile'
        assert display['Topic']['Durability Policy'] == durability
    assert by_topic[f'{NODE}/points']['Color Transformer'] == 'RGB8'


def panels(tree: str | dict) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
        return
    assert set(tree) == {'direction', 'splitPercentage', 'first', 'second'}
    assert tree['direction'] in ('row', 'column')
    assert 0 < tree['splitPercentage'] < 100
    yield from panels(tree['first'])
    yield from panels(tree['second'])


def test_foxglove_shows_the_same_in_panels_that_are_all_placed():
    layout = json.loads((CONFIG / 'foxglove_layout.json').read_text())
    configs = layout['configById']
    placed = list(panels(layout['layout']))
    assert sorted(placed) == sorted(configs)
    assert {name.split('!')[0] for name in configs} == {'3D', 'Image'}
    images = {c['imageMode']['imageTopic'] for n, c in configs.items() if n.startswith('Image!')}
    [scene] = [config for name, config in configs.items() if name.startswith('3D!')]
    assert all(settings['visible'] for settings in scene['topics'].values())
    pictures = {topic for topic in SHOWN if message_name(topic) == 'Image'}
    assert images == {'/image', *(f'{NODE}/{topic}' for topic in pictures)}
    assert set(scene['topics']) == {f'{NODE}/{topic}' for topic in SHOWN - pictures}
    points = scene['topics'][f'{NODE}/points']
    assert (points['colorMode'], points['colorField']) == ('rgb', 'rgb')
