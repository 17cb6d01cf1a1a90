"""Scale a pinhole camera's calibration to another image size."""

from __future__ import annotations

from collections.abc import Sequence


def scale_intrinsics(k: Sequence[float], scale_x: float, scale_y: float) -> list[float]:
    """
    Return the 3x3 camera matrix K (row-major, 9 values) for an image scaled by these factors.

    fx, skew and cx grow with the width, fy and cy with the height (sensor_msgs/CameraInfo).
    """
    return [value * scale for value, scale in zip(k, _row_scales(3, scale_x, scale_y), strict=True)]


def scale_projection(p: Sequence[float], scale_x: float, scale_y: float) -> list[float]:
    """
    Return the 3x4 projection matrix P (row-major, 12 values) for an image scaled so.

    Its last column holds focal length times baseline and so scales too.
    """
    return [value * scale for value, scale in zip(p, _row_scales(4, scale_x, scale_y), strict=True)]


def _row_scales(columns: int, scale_x: float, scale_y: float) -> list[float]:
    return [scale_x] * columns + [scale_y] * columns + [1.0] * columns
