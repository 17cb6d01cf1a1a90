# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node takes the place of others: it is heard under the names that their users listen to."""

import json
import os
from pathlib import Path
import sys

from closed_form_models import expected_class_map
import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from ros_peer import Camera, noise, number_of
from rtformer_ros.files.packaged_files import find_topic_names
from rtformer_ros.ros.input.image_messages import image_array, new_image
from rtformer_ros.ros.interface.remaps import load_topic_names
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

LISTENER = Path(__file__).parents[2] / 'vision_listener.py'


def arguments(name: str) -> list[str]:
    """Return the command line that gives the node the names of a file."""
    names = load_topic_names(find_topic_names(name))
    return [part for rule in names.items() for part in ('-r', ':='.join(rule))]


# what the others call: the image, then by topic what is in it
OTHERS = {
    'isaac_ros': ('image', {'unet/raw_segmentation_mask': 'mono8',
                            'unet/colored_segmentation_mask': 'rgb8'}),
    'ros_deep_learning': ('image_in', {'class_mask': 'mono8', 'color_mask': 'rgb8',
                                       'overlay': 'rgb8'}),
}  # fmt: skip


@pytest.mark.parametrize('name', OTHERS)
@pytest.mark.parametrize('namespace', ['', '/segnet'])
def test_outputs_are_heard_under_the_old_names(name, namespace, peer, start_node):
    image_topic, outputs = OTHERS[name]
    rename = ['-r', f'__ns:={namespace}'] if namespace else []
    start_node(*arguments(name), *rename, wait='')
    camera = Camera(peer, topic=f'{namespace}/{image_topic}')
    received = {topic: peer.collect(f'{namespace}/{topic}') for topic in outputs}
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.wait_for(
        lambda: all(peer.node.count_publishers(f'{namespace}/{topic}') for topic in outputs),
        'the outputs',
    )
    image = noise()
    numbers = camera.publish_until(lambda: all(received.values()), image)
    for topic, encoding in outputs.items():
        message = received[topic][-1]
        assert message.encoding == encoding
        assert number_of(message) in numbers
        if encoding == 'mono8':
            np.testing.assert_array_equal(image_array(message), expected_class_map(image))


def test_the_semantic_costmap_layer_gets_what_it_checks(
    peer, start_node, start_child, vision_msgs
):
    start_node(*arguments('nav2_semantic_layer'), variables=vision_msgs)
    # The layer's own subscriptions: sensor data, and latched labels.
    kinds = {'mask': Image, 'confidence': Image, 'overlay': Image, 'points': PointCloud2}
    received = {topic: [] for topic in kinds}
    for topic, kind in kinds.items():
        peer.node.create_subscription(
            kind, f'/segmentation/{topic}', received[topic].append, qos_profile_sensor_data
        )
    labels = start_child(
        [sys.executable, LISTENER, '/segmentation/label_info'], {**os.environ, **vision_msgs}
    )
    camera = Camera(peer)
    depths = peer.node.create_publisher(Image, 'depth/image', 5)
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.wait_until_heard(depths)
    peer.wait_for(lambda: peer.node.count_subscribers('/segmentation/label_info'), 'the listener')
    peer.spin_for(0.5)
    height, width = 60, 101
    image = new_image(height, width, 'rgb8')
    image_array(image)[:] = noise(height, width)
    number = camera.stamp(image.header)
    depth = Image(
        header=image.header, height=height, width=width, encoding='32FC1', step=4 * width,
        data=np.full((height, width), 2.0, np.float32).tobytes(),
    )  # fmt: skip
    camera.calibrate(
        CameraInfo(
            header=image.header, height=height, width=width, distortion_model='plumb_bob',
            d=[0.0] * 5, k=[80.0, 0.0, 50.0, 0.0, 80.0, 30.0, 0.0, 0.0, 1.0],
        )
    )  # fmt: skip
    depths.publish(depth)
    peer.spin_for(0.3)
    camera.images.publish(image)
    peer.wait_for(lambda: all(received.values()), 'all outputs')
    for topic in ('mask', 'confidence'):
        [message] = received[topic]
        assert message.encoding == 'mono8'
        assert message.step == message.width
        assert len(message.data) == message.width * message.height
    assert {(m.width, m.height) for [m] in received.values()} == {(width, height)}
    assert {number_of(message) for [message] in received.values()} == {number}
    [cloud] = received['points']
    assert [field.name for field in cloud.fields][:3] == ['x', 'y', 'z']
    peer.wait_for(lambda: '{' in labels.output, 'the labels')
    found = json.loads(next(x for x in labels.output.splitlines() if x.startswith('{')))
    assert found['classes'] == {'0': 'red', '1': 'green', '2': 'blue', '255': 'UNLABELED'}
    assert found['frame_id'] == received['mask'][0].header.frame_id
