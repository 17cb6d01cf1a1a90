# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Topics come and go and change their QoS while the node runs."""

import pytest
from rclpy.qos import ReliabilityPolicy
from ros_peer import NODE
from rtformer_ros.ros.interface.parameters import publish_parameter
from rtformer_ros.ros.interface.topics import output_topics, tunable_topics
from striped_stream import Stream


def test_topics_are_offered_and_withdrawn(peer, camera, start_node):
    start_node()
    # Two need a package that may be missing, see test_node_classes and test_node_regions.
    needing = {'label_info', 'detections'}
    for topic in [topic for topic in output_topics() if topic not in needing]:
        name, full_name = publish_parameter(topic), f'{NODE}/{topic}'
        peer.wait_for(lambda n=full_name: peer.node.count_publishers(n), full_name)
        assert peer.set_parameter(name, False).successful
        peer.wait_for(lambda n=full_name: not peer.node.count_publishers(n), f'{topic} to go')
        assert peer.set_parameter(name, True).successful
        peer.wait_for(lambda n=full_name: peer.node.count_publishers(n), f'{topic} to return')
    Stream(peer, camera, 'mask').next()


@pytest.mark.parametrize('topic', tunable_topics())
def test_output_qos_changes(topic, peer, shared_node):
    del shared_node
    full_name = f'{NODE}/{topic}'

    def offered() -> list:
        infos = peer.node.get_publishers_info_by_topic(full_name)
        return [info.qos_profile.reliability for info in infos]

    peer.wait_for(lambda: offered() == [ReliabilityPolicy.RELIABLE], 'a reliable publisher')
    changes = {f'qos.{topic}.reliability': 'best_effort', f'qos.{topic}.depth': 7}
    assert peer.set_atomically(changes).successful
    peer.wait_for(lambda: offered() == [ReliabilityPolicy.BEST_EFFORT], 'best effort')


@pytest.mark.parametrize('topic', ['image', 'camera_info'])
def test_input_qos_changes(topic, peer, camera, start_node):
    del camera
    start_node()
    # An idle node does not ask for images.
    peer.collect(f'{NODE}/mask')

    def asked() -> list:
        infos = peer.node.get_subscriptions_info_by_topic(f'/{topic}')
        return [info.qos_profile.reliability for info in infos]

    peer.wait_for(lambda: asked() == [ReliabilityPolicy.RELIABLE], "the camera's own reliability")
    changes = {f'qos.{topic}.reliability': 'best_effort', f'qos.{topic}.depth': 7}
    assert peer.set_atomically(changes).successful
    peer.wait_for(lambda: asked() == [ReliabilityPolicy.BEST_EFFORT], 'best effort')
