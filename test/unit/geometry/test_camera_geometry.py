import numpy as np

from rtformer_ros.geometry.camera_model import scale_intrinsics, scale_projection


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
