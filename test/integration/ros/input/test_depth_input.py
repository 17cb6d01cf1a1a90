# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A depth image that has arrived is found, whether its callback has run or not."""

import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.duration import Duration
from ros_peer import PATIENCE_S, qos
from rtformer_ros.ros.input.depth_input import DepthInput
from rtformer_ros.ros.interface.settings import DepthSettings, TopicQos
from sensor_msgs.msg import Image
from std_msgs.msg import Header

SETTINGS = DepthSettings(TopicQos('auto', 5), 0.05)


def header_of(sec: int) -> Header:
    header = Header()
    header.stamp.sec = sec
    return header


@pytest.fixture
def publisher(peer):
    return peer.node.create_publisher(Image, 'depth/image', qos(True, 5))


@pytest.fixture
def depth(peer, publisher):
    """Return a depth input that hears the publisher reliably."""
    depth = DepthInput(peer.node, MutuallyExclusiveCallbackGroup(), SETTINGS)
    peer.wait_for(lambda: peer.node.count_publishers('depth/image'), 'the publisher')
    depth.follow(True)
    peer.wait_until_heard(publisher)
    return depth


def send(publisher, *seconds: int) -> None:
    for sec in seconds:
        publisher.publish(Image(header=header_of(sec)))
    assert publisher.wait_for_all_acked(Duration(seconds=PATIENCE_S))


def test_what_has_arrived_is_found_before_any_callback_has_run(depth, publisher):
    # In no order of time, so none of them would be waited for.
    send(publisher, 7, 3, 5)
    assert depth.find(header_of(3)) is None
    depth.take_arrived()
    assert [depth.find(header_of(sec)).header.stamp.sec for sec in (7, 3, 5)] == [7, 3, 5]


def test_callbacks_go_on_where_their_message_was_taken(depth, publisher, peer):
    send(publisher, 1)
    # Both the callback that is due and the one to come.
    peer.executor.spin_once(timeout_sec=0.0)
    send(publisher, 2)
    depth.take_arrived()
    depth.take_arrived()
    peer.spin_for(0.05)
    send(publisher, 3)
    peer.wait_for(lambda: depth.find(header_of(3)), 'a depth image by its callback')
    assert [depth.find(header_of(sec)).header.stamp.sec for sec in (1, 2)] == [1, 2]


def test_nothing_is_taken_where_nothing_is_subscribed(peer, publisher):
    depth = DepthInput(peer.node, MutuallyExclusiveCallbackGroup(), SETTINGS)
    depth.take_arrived()
    assert depth.find(header_of(0)) is None
    depth.follow(True)
    depth.stop()
    depth.take_arrived()
    assert depth.find(header_of(0)) is None
