# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""While a subscription is replaced, each image comes once, and none after a later one."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.qos import ReliabilityPolicy
from ros_peer import noise, qos
from rtformer_ros.ros.input.image_input import CameraInput
from rtformer_ros.ros.input.image_messages import image_array, new_image
from rtformer_ros.ros.interface.settings import DepthSettings, InputSettings, TopicQos
from sensor_msgs.msg import CompressedImage, Image

QOS = TopicQos('auto', 50)
SETTINGS = InputSettings(
    transport='raw', image_qos=QOS, camera_info_qos=QOS, depth=DepthSettings(QOS, 0.05)
)


def image_of(seed: int, sec: int) -> Image:
    message = new_image(48, 64, 'rgb8')
    image_array(message)[:] = noise(seed=seed)
    message.header.stamp.sec = sec
    return message


@pytest.mark.parametrize(
    'images',
    [
        [image_of(seed, seed) for seed in range(20)],
        [image_of(seed, 0) for seed in range(20)],
        [image_of(0, 0)] * 20,
        [Image()] * 20,
    ],
    ids=['stamps', 'no stamps', 'one picture without stamps', 'empty messages'],
)
def test_each_image_comes_once_by_two_subscriptions(images, peer):
    received = []
    publisher = peer.node.create_publisher(Image, 'image', qos(True, 50))
    # Before it has heard of the publisher, the camera asks for best effort.
    camera = CameraInput(
        peer.node,
        MutuallyExclusiveCallbackGroup(),
        SETTINGS,
        lambda frame: received.append(np.array(frame.message.data)),
    )
    subscriptions = peer.node.count_subscribers
    peer.wait_for(lambda: peer.node.count_publishers('image'), 'the publisher')
    camera._subscribe_image(_best_effort())
    peer.wait_for(publisher.get_subscription_count, 'the subscription')
    peer.spin_for(0.3)
    camera.follow_publishers()
    assert camera._image.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    peer.wait_for(lambda: subscriptions('image') == 2, 'both subscriptions')
    peer.wait_for(lambda: publisher.get_subscription_count() == 2, 'both to be met')
    peer.spin_for(0.3)
    for count, image in enumerate(images, 1):
        publisher.publish(image)
        peer.wait_for(lambda count=count: len(received) >= count, f'image {count}')
    # What comes twice comes at once.
    peer.spin_for(0.5)
    assert [data.tobytes() for data in received] == [bytes(image.data) for image in images]
    camera.follow_publishers()
    publisher.publish(images[0])
    peer.wait_for(lambda: len(received) == len(images) + 1, 'an image after the replacement')
    camera.stop()


def compressed_of(sec: int) -> CompressedImage:
    packed = cv2.imencode('.png', noise())[1]
    message = CompressedImage(format='png', data=packed.tobytes())
    message.header.stamp.sec = sec
    return message


def test_no_image_of_the_old_form_comes_after_a_later_one_of_the_new(peer):
    received = []
    camera = CameraInput(
        peer.node,
        MutuallyExclusiveCallbackGroup(),
        replace(SETTINGS, transport='auto'),
        lambda frame: received.append((frame.message.header.stamp.sec, type(frame.message))),
    )
    compressed = peer.node.create_publisher(CompressedImage, 'image/compressed', qos(True, 50))
    peer.wait_for(lambda: peer.node.count_publishers('image/compressed'), 'the first publisher')
    camera.start()
    peer.wait_for(compressed.get_subscription_count, 'the first subscription')
    raw = peer.node.create_publisher(Image, 'image', qos(True, 50))
    peer.wait_for(lambda: peer.node.count_publishers('image'), 'the second publisher')
    camera.follow_publishers()
    peer.wait_for(raw.get_subscription_count, 'the second subscription')
    peer.spin_for(0.3)

    def send(publisher, message) -> None:
        publisher.publish(message)
        peer.spin_for(0.3)

    # Of the images of one moment the compressed one comes later here, by more than a frame.
    send(compressed, compressed_of(1))
    send(raw, image_of(0, 1))
    send(compressed, compressed_of(2))
    send(raw, image_of(0, 3))
    send(compressed, compressed_of(3))
    send(raw, image_of(0, 4))
    send(compressed, compressed_of(4))
    camera.follow_publishers()
    # A clock that jumps back, as when a recording begins anew.
    send(raw, image_of(0, 2))
    expected = [(1, CompressedImage), (2, CompressedImage), (3, Image), (4, Image), (2, Image)]
    assert received == expected
    camera.stop()


def _best_effort():
    return qos(False, 50)


@pytest.mark.parametrize('name', ['depth.max_stamp_difference_s', 'qos.depth.depth'])
def test_settings_of_depth_leave_image_and_calibration_subscribed(name, peer, start_node, connect):
    def subscriptions(topic: str) -> list[list[int]]:
        infos = peer.node.get_subscriptions_info_by_topic(topic)
        return [list(info.endpoint_gid) for info in infos]

    start_node()
    connect('mask')
    # Once a second subscriptions take on the QoS of publishers that were found, which replaces.
    peer.spin_for(1.5)
    before = subscriptions('/image'), subscriptions('/camera_info')
    value = peer.get_parameter(name)
    assert peer.set_parameter(name, value + 1).successful
    peer.spin_for(0.5)
    assert (subscriptions('/image'), subscriptions('/camera_info')) == before
    # So that the comparison can fail: a setting of the image subscribes to that anew.
    assert peer.set_parameter('qos.image.depth', 7).successful
    peer.wait_for(lambda: subscriptions('/image') != before[0], 'another subscription')
    assert subscriptions('/camera_info') == before[1]
