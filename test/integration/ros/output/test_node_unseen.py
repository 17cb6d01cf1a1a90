# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What nobody shall look at, as peers see it: outside of a region of interest, or ignored."""

from closed_form_models import expected_class_map, GREEN, RED
import cv2
from depth_camera import DepthCamera, info_of
from ground_scene import Lens
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from ros_peer import noise, number_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CameraInfo, LaserScan

LENS = Lens('plumb_bob', (0.0,) * 5, 96, 128, 120.0)


class Frames:
    """Publishes images one by one and returns the outputs of each."""

    def __init__(self, peer, camera, connect, *topics: str) -> None:
        self._peer, self._camera = peer, camera
        self._received = {topic: connect(topic) for topic in topics}

    def outputs(self, image_hwc: np.ndarray) -> list[np.ndarray]:
        """Return the pixels of each topic."""
        number = self._camera.publish(image_hwc)
        return [
            image_array(
                self._peer.wait_for(
                    lambda m=messages: next((x for x in m if number_of(x) == number), None),
                    f'{topic} of frame {number}',
                )
            )
            for topic, messages in self._received.items()
        ]


def test_the_region_is_segmented_at_its_own_size_and_put_back(peer, camera, connect, start_node):
    start_node()
    frames = Frames(peer, camera, connect, 'mask', 'confidence', 'overlay')
    infos = connect('camera_info', CameraInfo)
    camera.calibrate(info_of(LENS))
    # Twice the network's size: a quarter of it is what the network takes as it is.
    image = noise(96, 128)
    for left, top in ((0, 0), (64, 48), (32, 24)):
        roi = [left / 128, top / 96, (left + 64) / 128, (top + 48) / 96]
        assert peer.set_parameter('roi', roi).successful
        mask, confidence, overlay = frames.outputs(image)
        inside = (slice(top, top + 48), slice(left, left + 64))
        expected = np.full((96, 128), 255, np.uint8)
        expected[inside] = expected_class_map(image[inside])
        np.testing.assert_array_equal(mask, expected)
        sure = np.zeros((96, 128), np.uint8)
        sure[inside] = image[inside].max(axis=2)
        np.testing.assert_array_equal(confidence, sure)
        outside = expected == 255
        np.testing.assert_array_equal(overlay[outside], image[outside])
        assert (overlay[~outside] != image[~outside]).any(axis=-1).mean() > 0.9
    # The calibration stays that of the whole image.
    info = peer.last(infos, 'a calibration')
    assert (info.width, info.height, list(info.k)) == (128, 96, list(LENS.k))
    assert peer.set_parameter('roi', []).successful
    assert (frames.outputs(image)[0] < 255).all()


def test_another_region_forgets_what_was_averaged(peer, camera, connect, start_node):
    start_node(temporal_smoothing=0.9, roi='[0.0, 0.0, 0.5, 1.0]')
    frames = Frames(peer, camera, connect, 'mask')
    # Two halves of about one brightness, so that nothing seems to have moved between them.
    image = np.full((48, 64, 3), (100, 97, 9), np.uint8)
    image[:, 32:] = (97, 100, 9)
    for _ in range(3):
        assert np.unique(frames.outputs(image)[0]).tolist() == [0, 255]
    assert peer.set_parameter('roi', [0.5, 0.0, 1.0, 1.0]).successful
    assert np.unique(frames.outputs(image)[0]).tolist() == [1, 255]


@pytest.fixture
def planner(peer, camera, connect, start_node):
    """Return a function that publishes an image and returns the ranges and costs of it."""
    start_node(
        **{'camera.height_m': 1.0, 'camera.pitch_deg': 20.0, 'scan.range_max_m': 8.0},
        **{'scan.angle_min_deg': -20.0, 'scan.angle_max_deg': 20.0},
    )
    grids, scans = connect('costmap', OccupancyGrid), connect('scan', LaserScan)
    DepthCamera(peer, camera).see(LENS)

    def see(image_hwc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        del grids[:], scans[:]
        camera.publish(image_hwc)
        peer.wait_for(lambda: grids and scans, 'costmap and scan')
        return np.array(scans[0].ranges), np.array(grids[0].data)

    return see


def ground_with_a_hood() -> np.ndarray:
    """Green ground; the lowest sixth of the picture is red, an obstacle."""
    image = np.full((96, 128, 3), GREEN, np.uint8)
    image[80:] = RED
    return image


def test_outside_of_the_region_is_no_obstacle_and_not_free(peer, planner):
    ranges, costs = planner(ground_with_a_hood())
    assert (ranges < 2.5).all()
    assert costs.max() == 100
    assert peer.set_parameter('roi', [0.0, 0.0, 1.0, 80 / 96]).successful
    ranges, costs = planner(ground_with_a_hood())
    assert np.isinf(ranges).all()
    assert set(costs) == {0, -1}
    # The ground in sight is the same as before, and what was an obstacle is unknown.
    assert peer.set_parameter('roi', [0.0, 0.0, 1.0, 1.0]).successful
    whole = planner(np.full((96, 128, 3), GREEN, np.uint8))[1]
    assert 0 < (costs == 0).sum() < (whole == 0).sum()
    assert (whole[costs == 0] == 0).all()


def test_the_robots_own_hood_is_ignored(peer, planner, tmp_path):
    hood = np.zeros((24, 32), np.uint8)
    hood[20:] = 1
    cv2.imwrite(str(tmp_path / 'hood.png'), hood)
    assert (planner(ground_with_a_hood())[0] < 2.5).all()
    assert peer.set_parameter('ignore_mask', str(tmp_path / 'hood.png')).successful
    ranges, costs = planner(ground_with_a_hood())
    assert np.isinf(ranges).all()
    assert set(costs) == {0, -1}


def test_a_mask_that_cannot_be_read_is_refused_and_the_running_one_stays(
    peer, camera, connect, start_node, tmp_path
):
    stripe = np.zeros((6, 8), np.uint8)
    stripe[:, 2:4] = 255
    good, bad = tmp_path / 'good.png', tmp_path / 'bad.png'
    cv2.imwrite(str(good), stripe)
    bad.write_bytes(good.read_bytes()[:-20])
    node = start_node(ignore_mask=good)
    frames = Frames(peer, camera, connect, 'mask', 'confidence')
    image = noise()
    expected = expected_class_map(image)
    expected[:, 16:32] = 255

    def check_mask() -> None:
        mask, confidence = frames.outputs(image)
        np.testing.assert_array_equal(mask, expected)
        np.testing.assert_array_equal(confidence == 0, expected == 255)

    check_mask()
    # What was read is in use, whatever becomes of its file.
    good.unlink()
    assert peer.set_parameter('overlay_alpha', 0.3).successful
    check_mask()
    for path, reason in (
        (bad, 'cut short'),
        (tmp_path / 'absent.png', 'No such file'),
        (tmp_path, 'a directory'),
    ):
        result = peer.set_parameter('ignore_mask', str(path))
        assert not result.successful
        assert reason in result.reason
        assert path.name in result.reason
    assert peer.get_parameter('ignore_mask') == str(good)
    check_mask()
    assert peer.set_parameter('ignore_mask', '').successful
    np.testing.assert_array_equal(frames.outputs(image)[0], expected_class_map(image))
    assert 'Traceback' not in node.output
