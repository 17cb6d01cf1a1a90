# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image messages as rclpy has them; cv_bridge in a process of its own."""

from pathlib import Path
import subprocess
import sys

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codecs import encode_png
from rtformer_ros.ros.input.image_messages import (
    decode_compressed_message,
    decode_message,
    image_array,
    new_image,
)
from sensor_msgs.msg import CompressedImage, Image

DEBIAN_PACKAGES = Path('/usr/lib/python3/dist-packages')


@pytest.mark.parametrize(('encoding', 'channels'), [('mono8', 1), ('rgb8', 3), ('bgr8', 3)])
def test_what_is_written_through_the_view_is_sent(encoding, channels):
    message = new_image(3, 5, encoding)
    pixels = image_array(message)
    assert pixels.shape == ((3, 5) if channels == 1 else (3, 5, 3))
    pixels[...] = np.arange(pixels.size).reshape(pixels.shape)

    received = deserialize_message(serialize_message(message), Image)

    assert (received.height, received.width, received.encoding) == (3, 5, encoding)
    assert received.step == 5 * channels
    assert bytes(received.data) == bytes(range(15 * channels))


def test_rgb8_is_read_in_place():
    message = new_image(3, 5, 'rgb8')
    image_array(message)[...] = 9
    image = decode_message(message).image_hwc
    assert np.shares_memory(image, image_array(message))
    assert (image == 9).all()


def test_byte_order_comes_from_the_message():
    message = Image(height=1, width=1, encoding='mono16', step=2, is_bigendian=1)
    message.data = bytes([255, 255 - 128])
    assert decode_message(message).image_hwc.tolist() == [[[255, 255, 255]]]
    message.is_bigendian = 0
    assert decode_message(message).image_hwc.tolist() == [[[127, 127, 127]]]


PIXEL = {'8UC1': [7], '8UC3': [1, 2, 3], '8UC4': [1, 2, 3, 255], '16UC1': [0, 128]}
TAKEN = {
    '8UC1': ([7, 7, 7], [7, 7, 7]),
    '8UC3': ([3, 2, 1], [1, 2, 3]),
    '8UC4': ([3, 2, 1], [1, 2, 3]),
    '16UC1': ([128, 128, 128], [128, 128, 128]),
}


@pytest.mark.parametrize('encoding', TAKEN)
def test_encodings_without_colours_are_taken_in_the_order_that_is_asked_for(encoding):
    data = PIXEL[encoding]
    message = Image(encoding=encoding, height=1, width=1, step=len(data), data=bytes(data))
    for order, expected in zip(('bgr', 'rgb'), TAKEN[encoding], strict=True):
        decoded = decode_message(message, order=order, topic='/depth_camera/color/image_raw')
        assert decoded.image_hwc.tolist() == [[expected]]
        assert decoded.doubt.startswith(f'encoding {encoding} does not say')


@pytest.mark.parametrize(
    'topic', ['/camera/depth/image_raw', '/camera/aligned_depth_to_color/image_raw', '/Depth']
)
def test_depth_is_no_grey_picture(topic):
    message = Image(encoding='16UC1', height=1, width=1, step=2, data=bytes(2))
    with pytest.raises(ImageError, match=rf'{topic} are 16UC1.*remap image'):
        decode_message(message, topic=topic)
    decode_message(message, topic='/camera/infra1/image_raw')


@pytest.mark.parametrize(
    ('message', 'reason'),
    [
        (Image(), "encoding '' is not supported"),
        (Image(encoding='rgb8'), '0x0 pixels'),
        (Image(encoding='rgb8', height=2, width=2, step=6), '0 bytes of data; expected 12'),
    ],
)
def test_malformed_messages_are_refused(message, reason):
    with pytest.raises(ImageError, match=reason):
        decode_message(message)


def test_compressed_messages():
    image = np.random.default_rng(2).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    message = CompressedImage(format='png', data=encode_png(image).tobytes())
    np.testing.assert_array_equal(decode_compressed_message(message).image_hwc, image)
    with pytest.raises(ImageError, match='0 bytes'):
        decode_compressed_message(CompressedImage())


CV_BRIDGE_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from sensor_msgs.msg import Image
from rtformer_ros.errors import ImageError
from rtformer_ros.ros.input.image_messages import decode_message
message = Image(encoding='8UC2', height=1, width=1, step=3, data=bytes(3))
try:
    decode_message(message)
except ImageError as error:
    print(error)
print('imported' if 'cv_bridge' in sys.modules else 'left alone')
"""


def test_cv_bridge_is_asked_only_where_it_is_safe_and_its_errors_are_ours():
    if not (DEBIAN_PACKAGES / 'cv_bridge').exists():
        pytest.skip(f'no cv_bridge in {DEBIAN_PACKAGES}: nothing was compared with it')
    done = subprocess.run(
        [sys.executable, '-c', CV_BRIDGE_PROGRAM, str(DEBIAN_PACKAGES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    error, state = done.stdout.splitlines()
    if state == 'imported':
        assert error.startswith("cv_bridge cannot convert encoding '8UC2'")
    else:
        assert error.startswith("image encoding '8UC2' is not supported")
    assert 'rgb8, bgr8' in error
    assert (state == 'imported') == np.__version__.startswith('1.')
