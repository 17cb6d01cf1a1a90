# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the ids of a mask mean reaches other processes, late ones too, once for each change."""

import json
import os
from pathlib import Path
import sys

import numpy as np
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_peer import NODE, noise, values_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import Image
from std_msgs.msg import String

LISTENER = Path(__file__).parents[2] / 'vision_listener.py'
LATCHED = QoSProfile(
    depth=5,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def collect_latched(peer, topic, kind):
    messages = []
    peer.node.create_subscription(kind, f'{NODE}/{topic}', messages.append, LATCHED)
    return messages


def entry(class_id, name, color, group, shown=True):
    return {'id': class_id, 'name': name, 'color': color, 'group': group, 'shown': shown}


RED = entry(0, 'red', [255, 0, 0], 'obstacle')
GREEN = entry(1, 'green', [0, 255, 0], 'drivable')
BLUE = entry(2, 'blue', [0, 0, 255], 'sky')
UNLABELED = entry(255, 'UNLABELED', [0, 0, 0], 'other', shown=False)


def test_labels_are_json_that_follows_the_parameters(peer, start_node):
    start_node(confidence_threshold=0.25)
    peer.spin_for(0.5)
    received = collect_latched(peer, 'labels', String)
    peer.wait_for(lambda: received, 'the labels, without any frame')
    assert json.loads(received[-1].data) == {
        'label_set': 'rgb',
        'unlabeled_id': 255,
        'confidence_threshold': 0.25,
        'classes': [RED, GREEN, BLUE, UNLABELED],
    }

    def after(**changes):
        count = len(received)
        result = peer.set_atomically(changes)
        assert result.successful, result.reason
        peer.wait_for(lambda: len(received) > count, f'labels after {changes}')
        return json.loads(received[-1].data)['classes']

    # Ids that nothing is published as are gone; one that is no class has its sources' name.
    assert after(class_remap='red=blue') == [GREEN, BLUE, UNLABELED]
    merged = entry(9, 'red+green', [0, 0, 0], 'other')
    assert after(class_remap='red=9, green=9, blue=255') == [merged, UNLABELED]
    assert after(class_remap='green=9')[2] == entry(9, 'green', [0, 0, 0], 'drivable')
    changed = {**RED, 'color': [1, 2, 3]}
    assert after(class_remap='', colors='red=#010203')[0] == changed
    hidden = {**BLUE, 'color': [0, 0, 0], 'shown': False}
    assert after(class_filter='red, green') == [changed, GREEN, hidden, UNLABELED]
    # What changes nothing is not published again.
    count = len(received)
    assert peer.set_parameter('overlay_alpha', 0.9).successful
    peer.spin_for(0.5)
    assert len(received) == count


def colors_of(legend):
    """Return which of the three class colours a legend shows, by row of 22 pixels."""
    pixels = image_array(legend)
    rows = pixels.reshape(-1, 22, *pixels.shape[1:])
    named = {'red': (255, 0, 0), 'green': (0, 255, 0), 'blue': (0, 0, 255), 'own': (1, 2, 3)}
    return [
        [name for name, color in named.items() if (row == color).all(axis=-1).sum() > 100]
        for row in rows
    ]


def test_the_legend_shows_what_the_pictures_show(peer, start_node):
    start_node()
    received = collect_latched(peer, 'legend', Image)
    peer.wait_for(lambda: received, 'a legend, without any frame')
    assert received[-1].encoding == 'rgb8'
    assert colors_of(received[-1]) == [['red'], ['green'], ['blue']]
    for changes, expected in (
        ({'class_filter': 'blue, red'}, [['red'], ['blue']]),
        ({'class_remap': 'red=blue'}, [['blue']]),
        ({'class_filter': '', 'class_remap': '', 'colors': 'green=#010203'},
         [['red'], ['own'], ['blue']]),
    ):  # fmt: skip
        count = len(received)
        assert peer.set_atomically(changes).successful
        peer.wait_for(lambda n=count: len(received) > n, f'a legend after {changes}')
        assert colors_of(received[-1]) == expected
    # Nothing is shown: the legend says so, in place of an empty picture.
    assert peer.set_parameter('class_filter', '255').successful
    peer.wait_for(lambda: colors_of(received[-1]) == [[]], 'a legend without classes')
    assert np.min(image_array(received[-1])) < 128


class Listener:
    def __init__(self, peer, start_child, variables, topic=f'{NODE}/label_info'):
        env = {**os.environ, **variables}
        self._peer = peer
        self._child = start_child([sys.executable, LISTENER, topic], env)
        peer.wait_for(lambda: peer.node.count_subscribers(topic), 'the listener')

    @property
    def heard(self):
        return [json.loads(x) for x in self._child.output.splitlines() if x.startswith('{')]

    def wait_for(self, count):
        self._peer.wait_for(lambda: len(self.heard) >= count, f'{count} LabelInfo messages')
        return self.heard[-1]


def test_label_info_reaches_late_listeners_once_for_each_change(
    peer, camera, start_node, start_child, vision_msgs
):
    start_node(variables=vision_msgs, confidence_threshold=0.5)
    masks = peer.collect(f'{NODE}/mask')
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)

    def next_mask():
        count = len(masks)
        camera.publish(noise())
        peer.wait_for(lambda: len(masks) > count, 'a mask')

    next_mask()
    listener = Listener(peer, start_child, vision_msgs)
    names = {'0': 'red', '1': 'green', '2': 'blue', '255': 'UNLABELED'}
    first = {'frame_id': 'camera_optical_frame', 'stamp_s': 1001, 'classes': names}
    assert listener.wait_for(1) == {**first, 'threshold': 0.5}
    next_mask()
    assert peer.set_parameter('colors', 'red=#010203').successful
    next_mask()
    assert peer.set_parameter('class_remap', 'red=blue').successful
    next_mask()
    found = listener.wait_for(2)
    assert found['classes'] == {'1': 'green', '2': 'blue', '255': 'UNLABELED'}
    assert found['stamp_s'] == 1004
    assert peer.set_parameter('confidence_threshold', 0.0).successful
    next_mask()
    assert listener.wait_for(3)['threshold'] == 0.0
    peer.spin_for(0.3)
    assert len(listener.heard) == 3


def test_label_info_alone_wakes_an_idle_node_until_it_is_told(
    peer, camera, start_node, start_child, vision_msgs
):
    start_node(variables=vision_msgs)
    peer.watch_diagnostics()
    listener = Listener(peer, start_child, vision_msgs)
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    for _ in range(60):
        camera.publish(noise())
        peer.spin_for(0.5)
        if listener.heard:
            break
    peer.wait_for(lambda: not camera.images.get_subscription_count(), 'the node to rest')
    for _ in range(3):
        camera.publish(noise())
        peer.spin_for(0.1)
    peer.diagnostics.clear()
    status = peer.wait_for_diagnostic(lambda s: True, 'a report after the last image')
    heard = int(values_of(status)['frames received'])
    assert 1 <= int(values_of(status)['frames segmented']) <= heard
    peer.spin_for(1.0)
    assert values_of(peer.diagnostics[-1])['frames received'] == str(heard)
    assert [message['frame_id'] for message in listener.heard] == ['camera_optical_frame']


def test_label_info_is_withdrawn_and_told_anew_when_it_returns(
    peer, camera, start_node, start_child, vision_msgs
):
    start_node(variables=vision_msgs)
    listener = Listener(peer, start_child, vision_msgs)
    masks = peer.collect(f'{NODE}/mask')
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    camera.publish(noise())
    listener.wait_for(1)
    topic = f'{NODE}/label_info'
    assert peer.set_parameter('publish.label_info', False).successful
    peer.wait_for(lambda: not peer.node.count_publishers(topic), 'label_info to go')
    assert peer.set_parameter('publish.label_info', True).successful
    peer.wait_for(lambda: peer.node.count_publishers(topic), 'label_info to return')
    camera.publish(noise())
    peer.wait_for(lambda: len(masks) == 2, 'masks all the while')
    listener.wait_for(2)


def test_without_vision_msgs_the_node_says_so_once(peer, start_node, tmp_path):
    # Whatever is installed, this is found first.
    (tmp_path / 'vision_msgs.py').write_text("raise ImportError('there is none')")
    node = start_node(variables={'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])})
    assert peer.set_parameter('overlay_alpha', 0.9).successful
    assert peer.set_parameter('publish.labels', False).successful
    assert node.output.count('label_info is not offered') == 1
    assert not peer.node.count_publishers(f'{NODE}/label_info')
