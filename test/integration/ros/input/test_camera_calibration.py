# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A CameraInfo is read as its definition says: binning, regions, rectified images."""

import numpy as np
import pytest
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.ros.input.camera_info import camera_model, scaled_camera_info
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

K = (500.0, 0.0, 300.0, 0.0, 520.0, 250.0, 0.0, 0.0, 1.0)
D = (-0.2, 0.05, 0.001, -0.002, 0.01)
P = [480.0, 0.0, 310.0, -30.0, 0.0, 490.0, 245.0, 0.0, 0.0, 0.0, 1.0, 0.0]
FULL = CameraModel(480, 640, K, 'plumb_bob', D)


def info(**fields):
    return CameraInfo(height=480, width=640, k=K, d=D, p=P, distortion_model='plumb_bob', **fields)


def ray(model, u, v):
    return model.rays(np.array([[u, v]], np.float64))[0]


def test_an_image_as_calibrated():
    assert camera_model(info(r=np.eye(3).ravel()), 480, 640, False) == FULL
    # Drivers that do not rectify leave R at 0.
    assert camera_model(info(), 480, 640, False) == FULL


def test_a_binned_image_of_a_region():
    # Pixel (0, 0) of the result covers (100, 40) to (101, 43) of the sensor.
    roi = RegionOfInterest(x_offset=100, y_offset=40, width=400, height=200)
    model = camera_model(info(binning_x=2, binning_y=4, roi=roi), 50, 200, False)
    assert (model.height, model.width) == (50, 200)
    np.testing.assert_allclose(ray(model, 0, 0), ray(FULL, 100.5, 41.5), atol=1e-6)
    np.testing.assert_allclose(ray(model, 30, 20), ray(FULL, 160.5, 121.5), atol=1e-6)


def test_an_image_scaled_by_somebody_else():
    model = camera_model(info(), 240, 320, False)
    np.testing.assert_allclose(ray(model, 10, 20), ray(FULL, 20.5, 40.5), atol=1e-6)


def test_a_rectified_image_has_the_projection_and_no_distortion():
    model = camera_model(info(), 480, 640, True)
    np.testing.assert_allclose(model.project(np.array([[0.1, -0.2, 2.0]])), [[334.0, 196.0]])


@pytest.mark.parametrize(
    ('message', 'size', 'reason'),
    [
        (None, (480, 640), 'no CameraInfo has come'),
        (CameraInfo(height=480, width=640), (480, 640), 'not calibrated'),
        (CameraInfo(), (480, 640), 'size it was calibrated with'),
        (info(), (480, 480), 'the image has 480x480'),
    ],
)
def test_what_cannot_be_projected_is_refused(message, size, reason):
    with pytest.raises(GeometryError, match=reason):
        camera_model(message, *size, False)


@pytest.mark.parametrize('size', [(50, 200), (25, 400), (20, 30)])
def test_a_scaled_calibration_keeps_binning_and_region(size):
    roi = RegionOfInterest(x_offset=100, y_offset=40, width=400, height=200)
    message = info(binning_x=2, binning_y=4, roi=roi)
    scaled = scaled_camera_info(message, Header(frame_id='a'), *size)
    before = camera_model(message, 50, 200, False)
    after = camera_model(scaled, *size, False)
    # Calibrations say pixel x scale, without the half of a pixel by which its middle moves.
    corner = np.array([[0.05, 0.02, 1.0]])
    scale = np.array([size[1] / 200, size[0] / 50])
    np.testing.assert_allclose(
        after.project(corner), before.project(corner) * scale, atol=1.0 + scale.max()
    )
    if size == (50, 200):
        assert (scaled.height, scaled.width, scaled.k.tolist()) == (480, 640, list(K))
        assert scaled.roi == roi


def test_a_camera_without_calibration_gets_the_size_alone():
    scaled = scaled_camera_info(CameraInfo(), Header(frame_id='a'), 48, 64)
    assert (scaled.height, scaled.width, scaled.header.frame_id) == (48, 64, 'a')
    assert not scaled.k.any()
