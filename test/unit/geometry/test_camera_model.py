# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

from ground_scene import DISTORTED, PINHOLE, tangents
import numpy as np
import pytest
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.camera_model import (
    CameraModel,
    scale_intrinsics,
    scale_projection,
)
from rtformer_ros.geometry.smooth_grid import SmoothGrid

K = (500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0)
MODEL = CameraModel(480, 640, K)


def model_of(lens):
    return CameraModel(lens.height, lens.width, lens.k, lens.model, lens.d)


@pytest.mark.parametrize('lens', [PINHOLE, *DISTORTED], ids=str)
def test_rays_and_pixels_follow_the_published_lens_formulas(lens):
    camera = model_of(lens)
    x, y = tangents(lens)
    expected = np.stack([x, y, np.ones_like(x)], axis=1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rays_of(camera).reshape(-1, 3), expected, atol=2e-6)
    np.testing.assert_allclose(camera.project(4.2 * expected), _all_pixels(camera), atol=1e-5)


def rays_of(camera):
    return np.moveaxis(np.concatenate([rays for _, rays in camera.ray_strips()], axis=1), 0, -1)


def _all_pixels(camera):
    rows, columns = np.mgrid[: camera.height, : camera.width]
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def test_no_ray_where_the_lens_model_folds_back():
    # r * (1 - 0.5 r^2) is greatest at r = sqrt(2/3), where it is 0.544: 272 pixels off the middle.
    camera = CameraModel(480, 640, K, 'plumb_bob', (-0.5, 0.0, 0.0, 0.0, 0.0))
    columns = rays_of(camera)[239, :, 0]
    limit_px = 500 * math.sqrt(2 / 3) * (1 - 0.5 * 2 / 3)
    off_px = np.abs(np.arange(640) - 319.5)
    assert np.isnan(columns[off_px > limit_px + 1]).all()
    assert np.isfinite(columns[off_px < limit_px - 2]).all()
    exact = camera.rays(_all_pixels(camera).astype(float)).reshape(480, 640, 3)
    np.testing.assert_allclose(rays_of(camera), exact, atol=1e-5)
    # A point beyond that angle must not turn up inside the image.
    assert np.isnan(camera.project(np.array([[1.3, 0.0, 1.0]]))).all()


def test_nothing_behind_the_camera_is_seen():
    points = np.array([[0.0, 0.0, -1.0], [0.1, 0.1, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(np.isnan(MODEL.project(points)).any(axis=1), [True, True, False])


def test_a_fisheye_sees_almost_90_degrees_off_its_axis():
    k = (320.0, 0.0, 499.5, 0.0, 320.0, 499.5, 0.0, 0.0, 1.0)
    camera = CameraModel(1000, 1000, k, 'equidistant', (0.0, 0.0, 0.0, 0.0))
    angle = (np.arange(1000) - 499.5) / 320.0
    row = camera.rays(np.stack([np.arange(1000.0), np.full(1000, 499.5)], axis=1))
    inside = np.abs(angle) < math.radians(86)
    np.testing.assert_allclose(row[inside, 0], np.sin(angle[inside]), atol=1e-6)
    assert np.isnan(row[np.abs(angle) > math.radians(86.3)]).all()
    assert np.isnan(rays_of(camera)[0, 0]).all()


def test_rays_lead_back_to_their_pixels_up_to_90_degrees_of_a_strong_fisheye():
    k = (25.0, 0.0, 39.25, 0.0, 27.5, 18.0, 0.0, 0.0, 1.0)
    camera = CameraModel(48, 64, k, 'equidistant', (0.0, 0.0, 0.0, 0.015625))
    # Pixel (0, 20) is a hundredth of a pixel beyond 90 degrees, (1, 20) is within.
    pixels = np.array([[0.0, 20.0], [1.0, 20.0]])
    rays = camera.rays(pixels)
    assert np.isnan(rays[0]).all()
    np.testing.assert_allclose(camera.project(rays[1:]), pixels[1:], atol=1e-4)


def test_scaled_and_cropped_cameras_see_the_same_rays():
    camera = model_of(DISTORTED[0])
    half = camera.scaled(240, 320)
    # The centre of a pixel of the half image is the corner that four pixels share.
    np.testing.assert_allclose(
        half.rays(np.array([[10.0, 20.0]])), camera.rays(np.array([[20.5, 40.5]])), atol=1e-9
    )
    crop = camera.cropped(100, 50, 200, 300)
    assert rays_of(crop).shape == (200, 300, 3)
    np.testing.assert_allclose(rays_of(crop), rays_of(camera)[50:250, 100:400], atol=1e-6)


def test_the_rectifying_rotation_turns_rays():
    turn = math.radians(3.0)
    r = (math.cos(turn), 0, math.sin(turn), 0, 1, 0, -math.sin(turn), 0, math.cos(turn))
    camera = dataclasses.replace(MODEL, r=r)
    ray = camera.rays(np.array([[319.5, 239.5]]))
    np.testing.assert_allclose(ray, [[math.sin(turn), 0, math.cos(turn)]], atol=1e-9)
    np.testing.assert_allclose(camera.project(ray), [[319.5, 239.5]], atol=1e-6)
    assert dataclasses.replace(MODEL, r=(0.0,) * 9) == MODEL


@pytest.mark.parametrize(('height', 'width'), [(240, 320), (960, 1280), (48, 64), (100, 134)])
def test_an_image_of_the_same_shape_fits(height, width):
    fitted = MODEL.of_image(height, width)
    assert (fitted.height, fitted.width) == (height, width)
    assert fitted.k[0] == pytest.approx(500.0 * width / 640)


@pytest.mark.parametrize(('height', 'width'), [(640, 480), (360, 640), (480, 480), (1080, 1920)])
def test_an_image_of_another_shape_is_refused(height, width):
    with pytest.raises(GeometryError, match=f'640x480 pixels, the image has {width}x{height}'):
        MODEL.of_image(height, width)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'k': (0.0,) * 9}, 'not calibrated'),
        ({'k': (500.0, 0, 320, 0, math.nan, 240, 0, 0, 1)}, '9 finite numbers'),
        ({'k': (500.0, 0, 320)}, '9 finite numbers'),
        ({'width': 0}, 'size it was calibrated with'),
        ({'distortion_model': 'fish'}, "'fish' is unknown; expected one of: plumb_bob"),
        ({'distortion_model': 'plumb_bob', 'd': (0.1,)}, 'expected 0 or 4 or 5'),
        ({'distortion_model': 'equidistant', 'd': ()}, 'expected 4'),
        ({'distortion_model': 'rational_polynomial', 'd': (0.1,) * 5}, 'expected 8 or 12 or 14'),
        ({'distortion_model': 'plumb_bob', 'd': (math.inf, 0, 0, 0, 0)}, 'finite'),
        ({'d': (0.1,)}, "lens model ''"),
        ({'r': (1.0,) * 9}, 'rotation'),
    ],
)
def test_a_calibration_that_projects_nothing_is_refused(change, message):
    with pytest.raises(GeometryError, match=message):
        dataclasses.replace(MODEL, **change)


def cubic(pixels_n2):
    u, v = pixels_n2.T / 10
    return np.stack([u**3 - 2 * u * v**2 + v, 1 + v**3 - u**2], axis=1)


@pytest.mark.parametrize(('height', 'width', 'step'), [(37, 52, 4), (9, 120, 7), (3, 1, 4)])
def test_cubic_functions_are_met_exactly(height, width, step):
    v, u = np.mgrid[:height, :width]
    expected = cubic(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(height, width, 2)
    grid = SmoothGrid(cubic, height, width, step)
    values = grid.at(np.arange(height), np.arange(width))
    np.testing.assert_allclose(np.moveaxis(values, 0, -1), expected, atol=1e-9)


def test_a_point_projects_to_the_scaled_pixel():
    k = [500.0, 0.5, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
    p = [480.0, 0.0, 315.0, -60.0, 0.0, 490.0, 235.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    point = np.array([0.7, -0.3, 4.0, 1.0])
    for matrix, scaled, shape in (
        (k, scale_intrinsics(k, 0.75, 0.5), (3, 3)),
        (p, scale_projection(p, 0.75, 0.5), (3, 4)),
    ):
        before = np.reshape(matrix, shape) @ point[: shape[1]]
        after = np.reshape(scaled, shape) @ point[: shape[1]]
        pixel, scaled_pixel = before[:2] / before[2], after[:2] / after[2]
        np.testing.assert_allclose(scaled_pixel, pixel * [0.75, 0.5])
