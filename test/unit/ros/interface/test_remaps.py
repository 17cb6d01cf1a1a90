# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The files that give the topics other packages' names are right and say how to use them."""

from pathlib import Path
import re
import shlex

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_topic_names
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.ros.interface.remaps import load_topic_names, one_camera, several_cameras
from rtformer_ros.ros.interface.topics import output_topics
import yaml

CONFIG = Path(__file__).resolve().parents[4] / 'config'
PACKAGED = sorted(path.stem for path in CONFIG.glob('compat/*.yaml'))


def test_all_are_there():
    assert PACKAGED == ['isaac_ros', 'nav2_semantic_layer', 'ros_deep_learning']


@pytest.mark.parametrize('name', PACKAGED)
def test_the_command_in_the_file_does_what_the_file_says(name):
    path = find_topic_names(name)
    names = load_topic_names(path)
    inputs = {'image', 'image/compressed', 'camera_info', 'depth/image'}
    assert set(names) <= inputs | {f'~/{topic}' for topic in output_topics()}
    command = re.search(r'^#\s+(ros2 run .*)$', path.read_text(), re.MULTILINE)
    words = shlex.split(command[1])
    assert words[:5] == ['ros2', 'run', 'rtformer_ros', 'segmentation_node', '--ros-args']
    flags, rules = words[5::2], words[6::2]
    assert set(flags) == {'-r'}
    assert [rule.split(':=') for rule in rules] == [list(pair) for pair in names.items()]


@pytest.mark.parametrize(
    'text', ['', '- a', 'image: 3', 'image: ""', '~/mask:', 'a: {b: c}', ': [']
)
def test_files_that_are_no_names_are_refused(text, tmp_path):
    path = tmp_path / 'names.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r'names\.yaml'):
        load_topic_names(path)


def test_unknown_names_are_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r'no_such.*isaac_ros, nav2_semantic_layer, ros_deep'):
        find_topic_names('no_such')


@pytest.mark.parametrize(
    ('image', 'camera_info', 'names', 'expected'),
    [
        ('image', '', {}, ('image', 'camera_info')),
        ('/front/image', '', {}, ('/front/image', '/front/camera_info')),
        ('/a/b/compressed', '', {}, ('/a/b/compressed', '/a/camera_info')),
        ('/front/image', '/info', {}, ('/front/image', '/info')),
        ('image', '', {'image': 'image_in'}, ('image_in', 'camera_info')),
        ('/mine', '', {'image': 'image_in', 'camera_info': 'info_in'}, ('/mine', 'info_in')),
    ],
)
def test_a_user_has_the_last_word_on_the_camera(image, camera_info, names, expected):
    topics = one_camera(image, camera_info, names=names)
    assert (topics.image, topics.camera_info) == expected


def test_several_cameras_are_told_apart_by_their_names():
    front, left = several_cameras(['front', 'left'], '/{camera}/rgb', '', '/{camera}/depth')
    assert front.remappings() == [
        ('front/image', '/front/rgb'),
        ('front/image/compressed', '/front/rgb/compressed'),
        ('front/camera_info', '/front/camera_info'),
        ('front/depth/image', '/front/depth'),
    ]
    assert (left.image, left.camera_info, left.depth) == (
        '/left/rgb', '/left/camera_info', '/left/depth',
    )  # fmt: skip
    [own] = several_cameras(['front'], 'image')
    assert all(name == topic for name, topic in own.remappings())
    with pytest.raises(ConfigError, match=r'/rgb.*2 cameras.*\{camera\}'):
        several_cameras(['front', 'left'], '/rgb')


def test_the_costmap_listens_to_what_the_node_publishes():
    document = yaml.safe_load((CONFIG / 'nav2_semantic_layer.yaml').read_text())
    layer = document['local_costmap']['local_costmap']['ros__parameters'][
        'semantic_segmentation_layer'
    ]
    source = layer[layer['observation_sources']]
    names = load_topic_names(find_topic_names('nav2_semantic_layer'))
    assert source['segmentation_topic'] == names['~/mask']
    assert source['confidence_topic'] == names['~/confidence']
    assert source['labels_topic'] == names['~/label_info']
    assert source['pointcloud_topic'] == names['~/points']
    # Each class that can be in a robot's way has the costs of its planner group.
    labels = load_labels(CONFIG / 'labels' / 'camvid.yaml')
    groups = {label.name: label.group for label in labels.classes if label.group != 'sky'}
    assert {c: kind for kind in source['class_types'] for c in source[kind]['classes']} == groups
    for kind in source['class_types']:
        costs = [source[kind]['base_cost'], source[kind]['max_cost']]
        assert costs == sorted(costs)
        assert all(isinstance(cost, int) and 0 <= cost <= 254 for cost in costs)
        assert isinstance(source[kind]['dominant_priority'], bool)


@pytest.mark.parametrize('image', ['/front/image', '/front/image/compressed'])
def test_the_compressed_form_has_its_suffix_once(image):
    assert dict(one_camera(image).remappings())['image/compressed'] == '/front/image/compressed'
