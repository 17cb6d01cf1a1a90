# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The demo's camera as a process: what it publishes, and how it ends."""

import math
import signal

from camera_bag import calibrated_bag
from node_process import NodeProcess, REPOSITORY
import numpy as np
import pytest
from rtformer_ros.imaging.codecs import encode_png
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CameraInfo, Image

MODULE = 'rtformer_ros.ros.programs.image_source'
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
    images, infos, code = play(
        peer, start_source, folder, frame_id='front', field_of_view_deg=90.0
    )

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


def test_a_view_over_a_picture_has_the_calibration_of_its_part(peer, start_source, tmp_path):
    # Each pixel of this picture tells where it is.
    y, x = np.mgrid[0:120, 0:160]
    picture = np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)
    (tmp_path / 'where.png').write_bytes(encode_png(picture).tobytes())
    options = {'pan': True, 'field_of_view_deg': 90.0, 'width': 80, 'height': 60}
    images, infos, _ = play(peer, start_source, tmp_path / 'where.png', **options)
    calibration_of = {stamp_s(info): info for info in infos}
    assert len(images) > 20
    rays = []
    for image in images:
        info = calibration_of[stamp_s(image)]
        (fx, _, cx), (_, fy, cy), _ = np.reshape(info.k, (3, 3))
        rows, columns = np.array([5, 30, 55]), np.array([5, 40, 75])
        shown = image_array(image)[rows, columns].astype(float)
        # By the lens: 80 pixels of the whole picture are the tangent of 45 degrees.
        expected = (shown[:, :2] + 0.5 - (80, 60)) / 80
        found = np.stack([(columns + 0.5 - cx) / fx, (rows + 0.5 - cy) / fy], axis=1)
        assert np.abs(found - expected).max() < 1 / 80
        rays.append(found[1])
    assert np.ptp(rays, axis=0).min() > 0.2


def test_a_single_picture_is_shown_whole_and_at_rest(peer, start_source, folder):
    images, infos, _ = play(peer, start_source, folder / '0.png')
    assert len(images) > 20
    assert all((image_array(image) == PICTURES[0]).all() for image in images)
    assert {info.k[0] for info in infos} == {32 / math.tan(math.radians(30))}


def test_a_bag_brings_its_own_calibration(peer, start_source, tmp_path):
    bag = calibrated_bag(tmp_path / 'bag', PICTURES, focal_px=77.0)
    options = {'width': 128, 'height': 48}
    images, infos, _ = play(peer, start_source, bag, **options)
    assert len(images) == len(infos) == len(PICTURES)
    for info in infos:
        assert (info.height, info.width, info.distortion_model) == (48, 128, 'plumb_bob')
        # Twice as wide, as high as before.
        np.testing.assert_allclose(info.k, [154, 0, 62, 0, 77, 25, 0, 0, 1])
        np.testing.assert_allclose(info.d, [-0.1, 0.02, 0.001, -0.001, 0.0])
        np.testing.assert_allclose(info.r, np.eye(3).ravel())


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
    assert source.process.wait(60) == 1
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
