# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What was published once, and is kept for late subscribers, arrives."""

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_peer import NODE, noise
from rtformer_ros.ros.input.image_messages import image_array, new_image
from sensor_msgs.msg import Image

LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def picture(seed):
    message = new_image(48, 64, 'rgb8')
    image_array(message)[:] = noise(seed=seed)
    message.header.stamp.sec = 1000 + seed
    return message


@pytest.mark.parametrize('is_late', [True, False], ids=['node later', 'node first'])
def test_image_that_is_published_once_is_segmented(peer, start_node, is_late):
    masks = peer.collect(f'{NODE}/mask')
    if not is_late:
        start_node(lazy=False)
    images = peer.node.create_publisher(Image, 'image', LATCHED)
    images.publish(picture(1))
    if is_late:
        start_node(lazy=False)
    peer.wait_for(lambda: masks, 'its mask')
    expected = np.argmax(noise(seed=1), axis=2)
    assert masks[0].header.stamp.sec == 1001
    np.testing.assert_array_equal(image_array(masks[0]), expected)
    # One that has a volatile publisher beside it is heard from both.
    plain = peer.node.create_publisher(Image, 'image', 5)
    peer.wait_for(lambda: plain.get_subscription_count() == 1, 'the node to hear both')
    peer.spin_for(2.5)
    plain.publish(picture(2))
    peer.wait_for(lambda: masks[-1].header.stamp.sec == 1002, 'the mask of the other')
