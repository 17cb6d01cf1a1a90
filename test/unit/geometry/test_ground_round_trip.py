# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever the lens and wherever the camera, ground points come back to the pixels they are of."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from rtformer_ros.geometry.camera_model import CameraModel
from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.geometry.ground_plane import GroundView

HEIGHT, WIDTH = 48, 64
SMALL = st.floats(-0.02, 0.02)
LENSES = st.one_of(
    st.just(('', ())),
    st.tuples(st.just('plumb_bob'), st.tuples(st.floats(-0.3, 0.3), *[SMALL] * 4)),
    st.tuples(st.just('rational_polynomial'), st.tuples(st.floats(-0.3, 0.3), *[SMALL] * 7)),
    st.tuples(st.just('equidistant'), st.tuples(*[SMALL] * 4)),
)
CAMERAS = st.builds(
    lambda lens, focal_px, cx, cy: CameraModel(
        HEIGHT, WIDTH, (focal_px, 0.0, cx, 0.0, 1.1 * focal_px, cy, 0.0, 0.0, 1.0), *lens
    ),
    LENSES, st.floats(25.0, 200.0), st.floats(25.0, 40.0), st.floats(18.0, 30.0),
)  # fmt: skip
POSES = st.builds(
    CameraPose.from_angles,
    st.floats(0.05, 30.0),
    pitch_rad=st.floats(-0.3, 1.5),
    roll_rad=st.floats(-0.8, 0.8),
    yaw_rad=st.floats(-math.pi, math.pi),
    forward_m=st.floats(-2.0, 2.0),
    left_m=st.floats(-2.0, 2.0),
)


@settings(max_examples=150, deadline=None)
@given(CAMERAS, POSES, st.data())
def test_pixels_go_to_the_ground_and_back(camera, pose, data):
    view = GroundView(camera, pose)
    place = st.tuples(st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1))
    pixels_n2 = np.array(data.draw(st.lists(place, min_size=1, max_size=20)), np.float64)
    rays_n3 = camera.rays(pixels_n2)
    points_n2 = view.ground_points(rays_n3)
    is_ground = ~np.isnan(points_n2).any(axis=1)
    # Ground is what lies below the horizon, as the pose's own z axis says.
    falls = rays_n3 @ pose.rotation_33[2] < -0.0011
    assert (is_ground[~np.isnan(rays_n3).any(axis=1) & falls]).all()
    assert not is_ground[np.isnan(rays_n3).any(axis=1)].any()
    back_n2 = view.pixels(points_n2[is_ground])
    # Of the lens alone; rays() lets none pass that is a tenth of a pixel off.
    np.testing.assert_allclose(back_n2, pixels_n2[is_ground], atol=0.01)
