# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Projections take no more for an image of any shape, and what they tell stays right."""

from contextlib import contextmanager
import dataclasses
import math
import tracemalloc

from ground_scene import BOX, Extrinsics, GROUND, PLUMB_BOB, Scene
from ground_views import GROUPS, sure, view_of
import numpy as np
import pytest
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.geometry.cloud import CloudProjection, CloudSettings
from rtformer_ros.geometry.costmap import CostmapProjection, CostmapSettings
from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.geometry.pixel_bins import SampledValues
from rtformer_ros.geometry.scan import ScanProjection, ScanSettings
from rtformer_ros.segmentation import Segmentation

SHAPES = [(1080, 1920), (2160, 3840), (16000, 1), (1, 16000)]
# Of an image of 1080 rows there are 278 000 points along the bearings, and 40 000 cells.
MOST_POINTS = 600_000


class CountingCamera(CameraModel):
    """Counts the pixels and points that go through the lens model."""

    counted = 0

    def rays(self, pixels_n2):
        type(self).counted += len(pixels_n2)
        return super().rays(pixels_n2)

    def project(self, points_n3):
        type(self).counted += len(points_n3)
        return super().project(points_n3)


@contextmanager
def at_most(megabytes, points=MOST_POINTS):
    """Check how much memory the arrays of a block take, and how many points it projects."""
    CountingCamera.counted = 0
    tracemalloc.start()
    try:
        yield
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak_mb < megabytes
    assert 0 < CountingCamera.counted < points


def camera_of(height, width):
    focal_px = 0.8 * max(height, width)
    k = (focal_px, 0.0, (width - 1) / 2, 0.0, focal_px, (height - 1) / 2, 0.0, 0.0, 1.0)
    return CountingCamera(height, width, k, 'plumb_bob', (-0.2, 0.05, 0.001, -0.001, 0.0))


@pytest.mark.parametrize(('height', 'width'), SHAPES)
def test_work_and_memory_do_not_grow_with_the_image(height, width):
    camera, pose = camera_of(height, width), CameraPose.from_angles(1.2, 0.15, 0.05)
    seen = sure(np.full((height, width), GROUND, np.uint8))
    with at_most(100):
        scan = ScanProjection(GroundView(camera, pose), ScanSettings(), GROUPS)
        scan.ranges(seen)
    del scan
    with at_most(100):
        costmap = CostmapProjection(GroundView(camera, pose), CostmapSettings(), GROUPS)
        costmap.costs(seen)
    del costmap
    with at_most(100 if (height, width) == (1080, 1920) else 120):
        cloud = CloudProjection(camera, CloudSettings())
    assert math.prod(cloud.shape) <= 2**21


def test_many_readings_of_a_large_image_are_bounded_too():
    settings = ScanSettings(angle_increment_rad=math.pi / 2 / 9999)
    view = GroundView(camera_of(2160, 3840), CameraPose.from_angles(1.2, 0.15, 0.05))
    with at_most(150, points=4_000_000):
        scan = ScanProjection(view, settings, GROUPS)
    ranges_m = scan.ranges(sure(np.full((2160, 3840), GROUND, np.uint8)))
    assert ranges_m.shape == (10_000,)
    assert np.isinf(ranges_m[4000:6000]).all()


LARGE = Scene(PLUMB_BOB.zoomed(2), Extrinsics(pitch_deg=5.0))
SCAN = ScanSettings(-0.36, 0.36, 0.008, range_max_m=15.0)


def four_times(scene):
    """The view and class map of a camera of four times as many pixels, all in blocks of four."""
    view = view_of(scene)
    camera = view.camera.scaled(2 * view.camera.height, 2 * view.camera.width)
    return GroundView(camera, view.pose), scene.class_map().repeat(2, axis=0).repeat(2, axis=1)


def test_a_large_image_of_the_same_scene_tells_the_same(monkeypatch):
    monkeypatch.setattr('rtformer_ros.geometry.ground_plane.MOST_ROWS', 960)
    monkeypatch.setattr('rtformer_ros.geometry.ground_plane.MOST_COLUMNS', 1280)
    view, class_map_hw = four_times(LARGE)
    assert view.sampled.camera == view_of(LARGE).camera
    for projection, settings, method in (
        (ScanProjection, SCAN, 'ranges'),
        (CostmapProjection, CostmapSettings(), 'costs'),
    ):
        made = getattr(projection(view, settings, GROUPS), method)(sure(class_map_hw))
        expected = getattr(projection(view_of(LARGE), settings, GROUPS), method)(
            sure(LARGE.class_map())
        )
        np.testing.assert_array_equal(made, expected)


def test_a_single_pixel_of_a_large_image_is_not_overlooked():
    camera = camera_of(2160, 3840)
    view = GroundView(camera, CameraPose.from_angles(1.2, 0.15))
    scan = ScanProjection(view, SCAN, GROUPS)
    costmap = CostmapProjection(view, CostmapSettings(), GROUPS)
    random = np.random.default_rng(7)
    for row, column in zip(
        random.integers(1400, 2100, 5), random.integers(1500, 2300, 5), strict=True
    ):
        class_map_hw = np.full((2160, 3840), GROUND, np.uint8)
        class_map_hw[row, column] = BOX
        (x_m, y_m), *_ = view.ground_points(camera.rays(np.array([[column, row]], float)))
        ranges_m = scan.ranges(sure(class_map_hw))
        reading = round((math.atan2(y_m, x_m) - SCAN.angle_min_rad) / SCAN.angle_increment_rad)
        near_m = np.nanmin(ranges_m[reading - 1 : reading + 2])
        assert abs(near_m - math.hypot(x_m, y_m)) < 0.05
        cells = np.argwhere(costmap.costs(sure(class_map_hw)) == 100)
        # The middles of cells of 0.1 m, rows along y.
        offsets = (cells + 0.5) * 0.1 - 10.0 - [y_m, x_m]
        assert (np.abs(offsets) < 0.1).all()
        assert len(cells)


@pytest.mark.parametrize(
    ('height', 'width'), [(40, 50), (1500, 2000), (1201, 3), (2, 1921), (5000, 7)]
)
def test_a_sample_has_the_greatest_value_of_its_pixels(height, width):
    random = np.random.default_rng(3)
    class_map_hw = random.integers(0, 5, (height, width), np.uint8)
    confidence_hw = random.integers(0, 256, (height, width), np.uint8)
    table = random.integers(0, 256, 65536, np.uint8)
    view = GroundView(camera_of(height, width), CameraPose.from_angles(1.2))
    rows, columns = min(height, 1200), min(width, 1920)
    found = SampledValues(view, table).at(
        np.arange(rows * columns), Segmentation(class_map_hw, confidence_hw)
    )
    expected = np.zeros((rows, columns), np.uint8)
    # The last sample that begins at or before a pixel.
    row_h = (np.arange(1, height + 1) * rows - 1) // height
    column_w = (np.arange(1, width + 1) * columns - 1) // width
    values = table[class_map_hw.astype(int) * 256 + confidence_hw]
    np.maximum.at(expected, np.ix_(row_h, column_w), values)
    np.testing.assert_array_equal(found.reshape(rows, columns), expected)


def test_more_readings_than_are_told_apart_share_the_nearest_range():
    scene = Scene(PLUMB_BOB, Extrinsics(pitch_deg=5.0), ((6.0, 7.0, -5.0, 5.0, 1.0),))
    settings = dataclasses.replace(SCAN, angle_increment_rad=0.72 / 5000)
    ranges_m = ScanProjection(view_of(scene), settings, GROUPS).ranges(sure(scene.class_map()))
    assert settings.readings == len(ranges_m) == 5001
    bearings = settings.angle_min_rad + np.arange(5001) * settings.angle_increment_rad
    np.testing.assert_allclose(ranges_m, 6.0 / np.cos(bearings), atol=0.05)
    # Groups of 3, of which there are 1667.
    assert (np.diff(ranges_m.reshape(1667, 3)) == 0).all()


def test_a_cloud_of_too_many_points_has_the_next_stride_that_fits():
    height, width, focal_px = 2160, 3840, 3000.0
    k = (focal_px, 0.0, 1900.0, 0.0, focal_px, 1000.0, 0.0, 0.0, 1.0)
    cloud = CloudProjection(CameraModel(height, width, k), CloudSettings())
    assert cloud.shape == (1080, 1920)
    depth_hw = np.random.default_rng(1).integers(500, 9000, (height, width), np.uint16)
    class_map_hw = np.random.default_rng(2).integers(0, 5, (1080, 1920), np.uint8)
    points = cloud.points(depth_hw, sure(class_map_hw), np.zeros((1080, 1920, 3), np.uint8))
    z_m = depth_hw[::2, ::2] / 1000
    rows, columns = np.mgrid[:height:2, :width:2]
    np.testing.assert_allclose(points['x'], (columns - 1900.0) / focal_px * z_m, atol=1e-4)
    np.testing.assert_allclose(points['y'], (rows - 1000.0) / focal_px * z_m, atol=1e-4)
    np.testing.assert_array_equal(points['label'], class_map_hw)
