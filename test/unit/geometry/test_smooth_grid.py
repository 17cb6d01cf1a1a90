import numpy as np
import pytest

from rtformer_ros.geometry.smooth_grid import smooth_grid


def cubic(pixels_n2):
    u, v = pixels_n2.T / 10
    return np.stack([u**3 - 2 * u * v**2 + v, 1 + v**3 - u**2], axis=1)


@pytest.mark.parametrize(('height', 'width', 'step'), [(37, 52, 4), (9, 120, 7), (3, 1, 4)])
def test_cubic_functions_are_met_exactly(height, width, step):
    v, u = np.mgrid[:height, :width]
    expected = cubic(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(height, width, 2)
    np.testing.assert_allclose(smooth_grid(cubic, height, width, step), expected, atol=1e-9)
