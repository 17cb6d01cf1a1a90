"""The demo's camera as a process: what it publishes, and how it ends."""

import math
import signal

import numpy as np
import pytest
from node_process import REPOSITORY, NodeProcess
from sensor_msgs.msg import CameraInfo, Image

from rtformer_ros.imaging.codecs import encode_png
from rtformer_ros.ros.image_messages import image_array

MODULE = 'rtformer_ros.ros.image_source'
PICTURES = np.random.default_rng(6).integers(0, 256, (6, 48, 64, 3), dtype=np.uint8)
GREY_WEIGHTS = (0.299, 0.587, 0.114)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'pictures'
    path.mkdir()
    for index, picture in enumerate(PICTURES):
        (path / f'{index}.png').write_bytes(encode_png(picture).tobytes())
    return path


@pytest.fixture
def start_source(tmp_path):
    started = []

    def start(*arguments, **parameters):
        log = tmp_path / f'source_{len(started)}.log'
        started.append(NodeProcess(log, parameters, arguments, MODULE))
        return started[-1]

    yield start
    for source in started:
        source.kill()


def play(peer, start_source, folder, *arguments, **parameters):
    """Play a folder to its end; return the images, the calibrations and the exit code."""
    prefix = '/front' if arguments else ''
    images = peer.collect(f'{prefix}/image', Image)
    infos = peer.collect(f'{prefix}/camera_info', CameraInfo)
    options = {'source': folder, 'rate_hz': 50.0, 'wait_for_subscribers': 1, **parameters}
    source = start_source(*arguments, **options)
    peer.wait_for(lambda: not source.is_alive, 'the end of the clip')
    peer.spin_for(0.2)
    return images, infos, source.process.returncode


def stamp_s(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def test_every_picture_comes_once_with_its_calibration(peer, start_source, folder):
    started_s = peer.node.get_clock().now().nanoseconds * 1e-9
    images, infos, code = play(peer, start_source, folder, frame_id='front', field_of_view_deg=90.0)

    assert code == 0
    assert len(images) == len(infos) == len(PICTURES)
    for image, info, picture in zip(images, infos, PICTURES, strict=True):
        assert (image.encoding, image.step, image.is_bigendian) == ('rgb8', 64 * 3, 0)
        np.testing.assert_array_equal(image_array(image), picture)
        assert info.header == image.header
        assert image.header.frame_id == 'front'
        assert (info.height, info.width, info.distortion_model) == (48, 64, 'plumb_bob')
        # A ray at half the field of view meets the image's edge: fx * tan(45 deg) = width / 2.
        np.testing.assert_allclose(info.k, [32, 0, 32, 0, 32, 24, 0, 0, 1])
        np.testing.assert_allclose(info.p, [32, 0, 32, 0, 0, 32, 24, 0, 0, 0, 1, 0])
    stamps_s = [stamp_s(image) for image in images]
    assert stamps_s[0] > started_s
    # Frames may be late on a busy machine, never early.
    assert stamps_s[-1] - stamps_s[0] > 5 / 50 * 0.8
    assert stamps_s == sorted(set(stamps_s))


@pytest.mark.parametrize('encoding', ['bgr8', 'mono8'])
def test_encodings(peer, start_source, folder, encoding):
    images, _, _ = play(peer, start_source, folder, encoding=encoding)
    assert [image.encoding for image in images] == [encoding] * len(PICTURES)
    for image, picture in zip(images, PICTURES, strict=True):
        grey = picture @ GREY_WEIGHTS
        expected = picture[..., ::-1] if encoding == 'bgr8' else grey
        assert np.abs(image_array(image).astype(float) - expected).max() <= 1


def test_size_and_namespace(peer, start_source, folder):
    images, infos, _ = play(peer, start_source, folder, '-r', '__ns:=/front', width=32, height=24)
    assert len(images) == len(PICTURES)
    for image, info, picture in zip(images, infos, PICTURES, strict=True):
        means = picture.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
        assert np.abs(image_array(image) - means).max() <= 1
        assert (info.height, info.width) == (24, 32)
        assert info.k[0] == pytest.approx(16 / math.tan(math.radians(30)))


def test_looping_goes_on_until_a_signal(peer, start_source, folder):
    images = peer.collect('image', Image)
    source = start_source(source=folder, rate_hz=100.0, loop=True)
    peer.wait_for(lambda: len(images) > 2 * len(PICTURES), 'a second round')
    code, _ = source.end(signal.SIGINT)
    assert code == 0
    assert 'Traceback' not in source.output
    assert 'published' in source.output


def test_it_ends_when_its_time_is_up(peer, start_source, folder):
    images, _, code = play(peer, start_source, folder, rate_hz=10.0, loop=True, duration_s=1.05)
    assert code == 0
    # Due at 0.0, 0.1, ... 1.0 s; a busy machine may leave some out at the end.
    assert 1 <= len(images) <= 11


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_it_waits_for_subscribers(peer, start_source, folder, number):
    source = start_source(source=folder, wait_for_subscribers=3)
    peer.wait_for(lambda: peer.node.count_publishers('image'), 'the publisher')
    code, _ = source.end(number)
    assert code == 0
    assert 'published 0 frames' in source.output


def test_too_few_subscribers_hold_it_up_only_for_a_while(peer, start_source, folder):
    images, _, code = play(peer, start_source, folder, wait_for_subscribers=9, wait_timeout_s=6.0)
    assert code == 0
    assert images


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        ({'source': '/absent.mp4'}, "there is no '/absent.mp4'; expected a video file"),
        ({'source': REPOSITORY / 'pyproject.toml'}, 'cannot be read as a video'),
        ({'width': 32}, 'width is 32 and height is 0; set both or neither'),
        ({'encoding': 'yuv422'}, 'expected one of: rgb8, bgr8, mono8'),
        ({'rate_hz': -1.0}, 'rate_hz'),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(start_source, parameters, reason):
    source = start_source(**parameters)
    assert source.process.wait(20) == 1
    lines = [line for line in source.output.splitlines() if 'image_source' in line]
    assert len(lines) == 1
    assert reason in lines[0]
    assert 'Traceback' not in source.output


def test_the_bundled_clip(peer, start_source):
    images = peer.collect('image', Image)
    source = start_source(rate_hz=1000.0, wait_for_subscribers=1)
    peer.wait_for(lambda: not source.is_alive, 'the end of the clip')
    assert source.process.returncode == 0
    assert 'published 150 frames' in source.output
    # The middleware may lose frames at this speed.
    assert {(image.height, image.width) for image in images} == {(480, 640)}
