# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Nothing that a camera sends, and no signal, hurts the node."""

import signal
import struct
import zlib

from closed_form_models import expected_class_map
import cv2
import numpy as np
import pytest
from ros_peer import Camera, NODE, noise, number_of, values_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CompressedImage, Image


def broken_images() -> dict[str, Image]:
    def image(**changes) -> Image:
        fields = {
            'height': 48,
            'width': 64,
            'encoding': 'rgb8',
            'step': 192,
            'data': bytes(48 * 192),
        }
        return Image(**{**fields, **changes})

    return {
        'short data': image(data=bytes(1000)),
        'no data': image(data=b''),
        'small step': image(step=100),
        'zero height': image(height=0),
        'zero width': image(width=0),
        'unknown encoding': image(encoding='rgb48'),
        'no encoding': image(encoding=''),
        'huge size': image(height=2**31, width=2**31, step=2**32 - 1),
    }


@pytest.mark.parametrize('name', broken_images())
def test_malformed_image_is_counted_and_survived(name, peer, camera, start_node, connect):
    node = start_node()
    masks = connect('mask')
    peer.watch_diagnostics()
    camera.publish_message(broken_images()[name])
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['dropped: malformed'] == '1', 'the frame among the malformed'
    )
    assert values_of(status)['last error']
    assert 'malformed' in node.output
    number = camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask of the next good frame')
    assert [number_of(mask) for mask in masks] == [number]
    assert 'Traceback' not in node.output


def test_malformed_compressed_images_are_counted_and_survived(peer, camera, start_node, connect):
    node = start_node(image_transport='compressed')
    peer.collect('/segmentation_node/mask')
    peer.wait_for(camera.compressed.get_subscription_count, 'the node to hear the camera')
    peer.watch_diagnostics()
    peer.spin_for(0.5)
    for data in (b'', b'\xff\xd8\xff\xe0 cut short', b'no picture at all'):
        message = CompressedImage(format='jpeg', data=data)
        camera.stamp(message.header)
        camera.compressed.publish(message)
        peer.spin_for(0.1)
    peer.wait_for_diagnostic(
        lambda s: values_of(s)['dropped: malformed'] == '3', 'three malformed frames'
    )
    assert node.is_alive


def jpeg_2000() -> bytes:
    """Return a JPEG 2000 picture where OpenCV writes such, else the beginning of one."""
    try:
        done, data = cv2.imencode('.jp2', noise())
    except cv2.error:
        done = False
    return data.tobytes() if done else b'\0\0\0\x0cjP  \r\n\x87\n' + bytes(200)


def large_png() -> bytes:
    """Return a whole PNG of 20000 x 20000 pixels, all black, some 400 kB."""
    packer = zlib.compressobj()
    rows = [packer.compress(bytes(20001 * 100)) for _ in range(200)]

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack('>I', zlib.crc32(kind + content))
        return struct.pack('>I', len(content)) + kind + content + check

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', 20000, 20000, 8, 0, 0, 0, 0))
    pixels = chunk(b'IDAT', b''.join([*rows, packer.flush()]))
    return b'\x89PNG\r\n\x1a\n' + header + pixels + chunk(b'IEND', b'')


def test_other_codecs_and_huge_pictures_never_reach_a_decoder(peer, camera, start_node):
    node = start_node(image_transport='compressed')
    masks = peer.collect(f'{NODE}/mask')
    peer.wait_for(camera.compressed.get_subscription_count, 'the node to hear the camera')
    peer.watch_diagnostics()
    peer.spin_for(0.5)

    def send(data: bytes) -> int:
        message = CompressedImage(format='jpeg', data=data)
        number = camera.stamp(message.header)
        camera.compressed.publish(message)
        return number

    for count, (data, reason) in enumerate(
        [(jpeg_2000(), 'expected a whole JPEG or PNG file'), (large_png(), '20000x20000 pixels')],
        1,
    ):
        send(data)
        status = peer.wait_for_diagnostic(
            lambda s, count=count: values_of(s)['dropped: malformed'] == str(count), 'the refusal'
        )
        assert reason in values_of(status)['last error']
    # A motion photo: a film follows the picture.
    photo = cv2.imencode('.jpg', noise())[1].tobytes()
    number = send(photo + b'\0\0\0\x18ftypmp42' + bytes(5000))
    peer.wait_for(lambda: masks, 'the mask of a motion photo')
    assert [number_of(mask) for mask in masks] == [number]
    assert node.is_alive
    # Codecs complain by themselves: of each of 20 broken pictures, once in all.
    before = len(node.output)
    half_broken = bytearray(photo)
    half_broken[-300:-2] = bytes(298)
    for _ in range(20):
        masks.clear()
        send(bytes(half_broken))
        peer.wait_for(lambda: masks, 'the mask of a picture with an end that is broken')
    peer.wait_for(lambda: 'decoding an image:' in node.output[before:], 'a line of the codec')
    assert node.output[before:].count('Corrupt JPEG data') == 1


def test_an_image_of_more_than_max_image_pixels_is_malformed(peer, camera, start_node, connect):
    start_node(max_image_pixels=48 * 64 - 1)
    masks = connect('mask')
    peer.watch_diagnostics()
    camera.publish(noise())
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['dropped: malformed'] == '1', 'the large image'
    )
    assert '64x48 pixels; expected at most 3071' in values_of(status)['last error']
    assert peer.set_parameter('max_image_pixels', 48 * 64).successful
    number = camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask of an image of the largest size')
    assert [number_of(mask) for mask in masks] == [number]


def test_newest_frame_wins_under_load(peer, camera, models, start_node, connect):
    start_node(model=models / 'slow.onnx', engine='onnxruntime')
    masks = connect('mask')
    peer.watch_diagnostics()
    first = camera.publish(noise(seed=0))
    peer.spin_for(0.2)
    for seed in range(1, 9):
        last = camera.publish(noise(seed=seed))
        peer.spin_for(0.02)
    peer.wait_for(lambda: len(masks) == 2, 'two masks')
    peer.spin_for(0.5)
    assert [number_of(mask) for mask in masks] == [first, last]
    np.testing.assert_array_equal(image_array(masks[1]), expected_class_map(noise(seed=8)))
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['frames segmented'] == '2', 'two segmented frames'
    )
    assert values_of(status)['dropped: newer frame'] == '7'
    assert values_of(status)['frames received'] == '9'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('when', ['idle', 'in a frame'])
def test_signal_ends_the_node_cleanly(number, when, peer, camera, models, start_node, connect):
    node = start_node(model=models / 'slow.onnx')
    connect('mask')
    if when == 'in a frame':
        camera.publish(noise())
        peer.spin_for(0.3)
    code, _ = node.end(number)
    assert code == 0
    assert 'Traceback' not in node.output
    peer.wait_for(
        lambda: not peer.node.count_publishers('/segmentation_node/mask'),
        'the publishers to leave the graph',
        # One that says nothing stays in it for 20 s.
        patience_s=10.0,
    )


def test_several_signals_are_as_good_as_one(peer, start_node):
    node = start_node()
    for _ in range(3):
        node.process.send_signal(signal.SIGINT)
    assert node.end(signal.SIGTERM)[0] == 0
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('reliable', [True, False])
def test_no_frame_is_lost_or_doubled_while_the_subscription_follows_the_camera(
    reliable, peer, start_node
):
    start_node()
    camera = Camera(peer, reliable=reliable)
    peer.collect(f'{NODE}/mask')
    peer.watch_diagnostics()
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    # The node looks once a second whether its QoS still fits, so within this time it changes.
    for seed in range(60):
        camera.publish(noise(seed=seed))
        peer.spin_for(0.05)
    peer.spin_for(1.0)
    status = peer.wait_for_diagnostic(
        lambda s: int(values_of(s)['frames received']) >= 60, 'all frames'
    )
    assert values_of(status)['frames received'] == '60'
