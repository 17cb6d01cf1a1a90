# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames that go into the engine as they came give the outputs that prepared ones give."""

import re

from closed_form_models import expected_class_map, RGB_LABELS
import cv2
import numpy as np
from ros_peer import noise, number_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CompressedImage, Image

PALETTE = np.array([label.color_rgb for label in RGB_LABELS.classes], np.uint8)
FRAMES = {'engine': 'onnxruntime', 'frame_encoding': 'bgr8'}
ON_THE_HOST = 'they are prepared on the host: '


def painted(node):
    """Return what the engine painted of each frame, as the node prints it."""
    return re.findall('^painted: (.*)$', node.output, re.MULTILINE)


def picture():
    return cv2.GaussianBlur(noise(), (9, 9), 0)


def test_frames_that_the_engine_takes_give_every_picture(peer, camera, start_node, connect):
    node = start_node(**FRAMES, overlay_alpha=0.25)
    topics = ('mask', 'confidence', 'color_mask', 'overlay')
    received = {topic: connect(topic) for topic in topics}
    image, expected = picture(), expected_class_map(picture())
    number = camera.publish(image[..., ::-1], 'bgr8')
    peer.wait_for(lambda: all(received.values()), 'all pictures')
    assert {number_of(messages[0]) for messages in received.values()} == {number}
    pixels = {topic: image_array(messages[0]) for topic, messages in received.items()}
    assert np.array_equal(pixels['mask'], expected)
    assert np.array_equal(pixels['confidence'], image.max(axis=2))
    assert np.array_equal(pixels['color_mask'], PALETTE[expected])
    mixed = 0.75 * image + 0.25 * PALETTE[expected]
    assert np.abs(pixels['overlay'] - mixed).max() <= 1
    assert 'frames of bgr8 as they come' in node.output
    assert ON_THE_HOST not in node.output


def test_the_engine_paints_what_somebody_looks_at(peer, camera, start_node, connect):
    node = start_node(
        module='painting_node',
        **FRAMES,
        overlay_alpha=0.25,
        class_filter=[RGB_LABELS.classes[0].name],
    )
    masks = connect('mask')
    image, expected = picture(), expected_class_map(picture())
    camera.publish(image[..., ::-1], 'bgr8')
    peer.wait_for(lambda: masks, 'a mask')
    assert painted(node) == ['[]']
    overlays = connect('overlay')
    camera.publish(image[..., ::-1], 'bgr8')
    peer.wait_for(lambda: overlays, 'an overlay')
    assert painted(node)[1:] == ["['overlay']"]
    color_masks, packed = connect('color_mask'), connect('overlay/compressed', CompressedImage)
    camera.publish(image[..., ::-1], 'bgr8')
    peer.wait_for(lambda: color_masks and packed, 'all pictures')
    assert painted(node)[2:] == ["['color_mask', 'overlay']"]
    is_shown = (expected == 0)[..., np.newaxis]
    colors = PALETTE[expected] * is_shown
    assert np.array_equal(image_array(color_masks[0]), colors)
    mixed = np.where(is_shown, 0.75 * image + 0.25 * colors, image)
    assert np.abs(image_array(overlays[0]) - mixed).max() <= 1


def test_the_host_draws_what_the_engine_cannot(peer, camera, start_node, connect):
    """An overlay of a mask that has not the frame's size, and all of a frame that it prepared."""
    node = start_node(module='painting_node', **FRAMES, output_size='30x20')
    received = {topic: connect(topic) for topic in ('color_mask', 'overlay', 'mask')}
    camera.publish(picture()[..., ::-1], 'bgr8')
    peer.wait_for(lambda: all(received.values()), 'all pictures')
    assert painted(node) == ["['color_mask']"]
    pixels = {topic: image_array(messages[0]) for topic, messages in received.items()}
    assert pixels['overlay'].shape == (20, 30, 3)
    assert np.array_equal(pixels['color_mask'], PALETTE[pixels['mask']])
    camera.publish(picture(), 'rgb8')
    peer.wait_for(lambda: len(received['overlay']) == 2, 'an overlay of another encoding')
    assert painted(node) == ["['color_mask']"]


def test_other_frames_and_settings_are_served_on_the_host(peer, camera, start_node, connect):
    node = start_node(**FRAMES)
    masks = connect('mask')
    expected = expected_class_map(picture())
    camera.publish(picture(), 'rgb8')
    peer.wait_for(lambda: len(masks) == 1, 'the mask of another encoding')
    assert f"{ON_THE_HOST}the engine takes bgr8, not 'rgb8'" in node.output
    assert peer.set_parameter('temporal_smoothing', 0.5).successful
    camera.publish(picture()[..., ::-1], 'bgr8')
    peer.wait_for(lambda: len(masks) == 2, 'a smoothed mask')
    assert f'{ON_THE_HOST}temporal_smoothing' in node.output
    assert peer.set_parameter('temporal_smoothing', 0.0).successful
    assert peer.set_parameter('roi', [0.0, 0.5, 1.0, 1.0]).successful
    camera.publish(picture()[..., ::-1], 'bgr8')
    peer.wait_for(lambda: len(masks) == 3, 'the mask of a region')
    assert f'{ON_THE_HOST}a region of interest' in node.output
    assert (image_array(masks.pop())[:24] == 255).all()
    for mask in masks:
        assert np.array_equal(image_array(mask), expected)


def test_a_malformed_frame_loses_nothing_else(peer, camera, start_node, connect):
    node = start_node(**FRAMES)
    masks = connect('mask')
    camera.publish_message(Image(height=48, width=64, encoding='bgr8', step=192, data=bytes(1000)))
    peer.wait_for(lambda: 'malformed' in node.output, 'the node to refuse it')
    number = camera.publish(picture()[..., ::-1], 'bgr8')
    peer.wait_for(lambda: masks, 'a mask of the good frame')
    assert [number_of(mask) for mask in masks] == [number]
    assert 'has 1000 bytes of data; expected 9216' in node.output
