# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The form in which images come is found: raw, or the compressed one where it is alone."""

from closed_form_models import expected_class_map
import cv2
import numpy as np
import pytest
from ros_peer import NODE, noise, qos
from rtformer_ros.ros.input.image_messages import image_array, new_image
from sensor_msgs.msg import CompressedImage, Image


class Sender:
    """Publishes one image in one of the two forms."""

    def __init__(self, peer, kind: type, topic: str, described: str = 'png') -> None:
        self._peer = peer
        self._kind = kind
        self._described = described
        self._publisher = peer.node.create_publisher(kind, topic, qos(True, 20))

    def publish(self, image_hwc: np.ndarray) -> None:
        if self._kind is Image:
            message = new_image(image_hwc.shape[0], image_hwc.shape[1], 'rgb8')
            image_array(message)[:] = image_hwc
        else:
            packed = cv2.imencode('.png', image_hwc[..., ::-1])[1]
            message = CompressedImage(format=self._described, data=packed.tobytes())
        self._publisher.publish(message)

    def expect_masks(self, masks: list) -> None:
        """Publish until a mask of the image comes."""
        image = noise()
        masks.clear()

        def answered() -> bool:
            self.publish(image)
            self._peer.spin_for(0.2)
            return bool(masks)

        self._peer.wait_for(answered, 'a mask')
        np.testing.assert_array_equal(image_array(masks[-1]), expected_class_map(image))


@pytest.mark.parametrize(
    ('transport', 'image', 'topic'),
    [
        ('auto', '/cam/image', '/cam/image/compressed'),
        ('auto', '/cam/image/compressed', '/cam/image/compressed'),
        ('auto', '/cam/jpeg', '/cam/jpeg'),
        ('compressed', '/cam/image/compressed', '/cam/image/compressed'),
        ('compressed', '/cam/jpeg', '/cam/jpeg'),
    ],
)
def test_compressed_images_are_found(transport, image, topic, peer, start_node):
    sender = Sender(peer, CompressedImage, topic)
    start_node('-r', f'image:={image}', image_transport=transport)
    sender.expect_masks(peer.collect(f'{NODE}/mask'))
    assert peer.get_parameter('image_transport') == transport


def test_the_form_follows_what_is_published(peer, start_node):
    start_node()
    masks = peer.collect(f'{NODE}/mask')
    compressed = Sender(peer, CompressedImage, '/image/compressed')
    compressed.expect_masks(masks)
    # From here on both are there, and the raw one is taken.
    raw = Sender(peer, Image, '/image')
    count = peer.node.count_subscribers
    peer.wait_for(lambda: count('/image') and not count('/image/compressed'), 'the change to raw')
    raw.expect_masks(masks)


def test_what_an_image_does_not_say_is_a_parameter_and_warned_about_once(
    peer, camera, start_node, connect
):
    node = start_node()
    masks = connect('mask')
    image = noise()

    def mask_of(pixels_hwc: np.ndarray) -> np.ndarray:
        masks.clear()
        message = new_image(48, 64, 'rgb8')
        image_array(message)[:] = pixels_hwc
        message.encoding = '8UC3'
        camera.publish_message(message)
        peer.wait_for(lambda: masks, 'a mask')
        return image_array(masks[-1])

    for _ in range(3):
        np.testing.assert_array_equal(mask_of(image[..., ::-1]), expected_class_map(image))
    assert peer.set_parameter('channel_order', 'rgb').successful
    for _ in range(2):
        np.testing.assert_array_equal(mask_of(image), expected_class_map(image))
    peer.wait_for(lambda: 'taken as rgb8' in node.output, 'the second warning')
    assert node.output.count('encoding 8UC3 does not say') == 2
    assert node.output.count('taken as bgr8') == 1


def test_a_description_that_contradicts_the_bytes_is_warned_about_once(peer, start_node):
    node = start_node(image_transport='compressed')
    masks = peer.collect(f'{NODE}/mask')
    sender = Sender(peer, CompressedImage, '/image/compressed', 'rgb8; jpeg compressed bgr8')
    for _ in range(3):
        sender.expect_masks(masks)
    assert node.output.count('says JPEG, but its bytes are PNG') == 1
