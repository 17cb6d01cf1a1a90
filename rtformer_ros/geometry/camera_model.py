# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pinhole camera model with lens distortion: pixels to rays, points to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
import math
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.lens_distortion import LensDistortion
from rtformer_ros.geometry.smooth_grid import SmoothGrid

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Floats

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_MAX_REPROJECTION_ERROR_PX = 0.1
# Rays are smooth: cubic polynomials over so many pixels are right to a millionth.
_RAY_STEP_PX = 4
_STRIP_PIXELS = 1 << 16


@dataclass(frozen=True)
class CameraModel:
    """
    A camera's calibration, with the meaning that sensor_msgs/CameraInfo gives to it.

    height, width: pixels of the image that k is for. k: camera matrix, 9 values, row-major, in
    pixels; its skew is taken as 0. distortion_model and d: name and coefficients of the lens
    distortion, see LensDistortion. r: rectifying rotation, 9 values; all 0 means none.
    Points and rays are in the optical frame (REP 103: x right, y down, z ahead), after r.
    Pixel (0, 0) is the centre of the image's first pixel. Raises GeometryError for a calibration
    from which nothing can be projected.
    """

    height: int
    width: int
    k: tuple[float, ...]
    distortion_model: str = ''
    d: tuple[float, ...] = ()
    r: tuple[float, ...] = _IDENTITY
    _lens: LensDistortion = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check all values."""
        if self.height < 1 or self.width < 1:
            raise GeometryError(
                f'the calibration is for an image of {self.width}x{self.height} pixels; the '
                'camera must publish a CameraInfo with the size it was calibrated with'
            )
        self._check_k()
        object.__setattr__(self, '_lens', LensDistortion(self.distortion_model, self.d))
        if not any(self.r):
            object.__setattr__(self, 'r', _IDENTITY)
        rotation = np.reshape(self.r, (3, 3)) if len(self.r) == 9 else np.zeros((3, 3))
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3):
            raise GeometryError(
                f'R of the calibration is {list(self.r)}; expected 9 values of a rotation, or 0'
            )

    def _check_k(self) -> None:
        if len(self.k) != 9 or not all(map(math.isfinite, self.k)):
            raise GeometryError(
                f'K of the calibration is {list(self.k)}; expected 9 finite numbers'
            )
        if self.k[0] <= 0 or self.k[4] <= 0:
            raise GeometryError(
                f'K of the calibration has focal lengths {self.k[0]:g} and {self.k[4]:g}; '
                'expected more than 0: the camera is not calibrated (camera_calibration does that)'
            )

    def of_image(self, height: int, width: int) -> CameraModel:
        """
        Return the calibration of a whole image of that size, binned or scaled alike in x and y.

        Raises GeometryError where the shapes differ by more than rounding: then the calibration
        belongs to another camera, mode or crop.
        """
        off_px = min(
            abs(width - self.width * height / self.height),
            abs(height - self.height * width / self.width),
        )
        if off_px > 1.0:
            raise GeometryError(
                f'the calibration is for {self.width}x{self.height} pixels, the image has '
                f'{width}x{height}; expected the same shape: publish the CameraInfo of this image'
            )
        return self.scaled(height, width)

    def scaled(self, height: int, width: int) -> CameraModel:
        """Return the calibration of the whole image scaled to that size, in x and y apart."""
        if (height, width) == (self.height, self.width):
            return self
        scale_x, scale_y = width / self.width, height / self.height
        k = list(self.k)
        k[0], k[4] = k[0] * scale_x, k[4] * scale_y
        # Pixel centres are whole numbers, so the image begins at -0.5.
        k[2] = (k[2] + 0.5) * scale_x - 0.5
        k[5] = (k[5] + 0.5) * scale_y - 0.5
        return replace(self, height=height, width=width, k=tuple(k))

    def cropped(self, x_px: int, y_px: int, height: int, width: int) -> CameraModel:
        """Return the calibration of a part of the image that begins at pixel (x_px, y_px)."""
        k = list(self.k)
        k[2], k[5] = k[2] - x_px, k[5] - y_px
        return replace(self, height=height, width=width, k=tuple(k))

    def ray_strips(self, stride: int = 1) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """
        Yield the unit rays of every stride-th row and column, from top to bottom, some rows a
        time.

        With each part, float32 [3, rows, columns], comes the slice of those rows. NaN where the
        lens model ends. So the rays of all pixels need not be in memory at once.
        """

        def rays_n3(pixels_n2: Floats) -> npt.NDArray[np.float32]:
            return self.rays(pixels_n2).astype(np.float32)

        grid = SmoothGrid(rays_n3, self.height, self.width, _RAY_STEP_PX)
        rows, columns = np.arange(0, self.height, stride), np.arange(0, self.width, stride)
        step = max(1, _STRIP_PIXELS // len(columns))
        for first in range(0, len(rows), step):
            strip = slice(first, min(first + step, len(rows)))
            yield strip, grid.at(rows[strip], columns)

    def rays(self, pixels_n2: Floats) -> Floats:
        """
        Return the unit rays of pixels (u, v), float64 [N, 3].

        NaN where the lens model gives no ray: beyond the radius at which it folds back, or 86
        degrees off the axis and more.
        """
        tangents_n2 = self._lens.undistort(pixels_n2, self._matrix)
        rays_n3 = np.concatenate([tangents_n2, np.ones((len(tangents_n2), 1))], axis=1)
        rays_n3 /= np.linalg.norm(rays_n3, axis=1, keepdims=True)
        back_n2 = self._lens.project(rays_n3, self._matrix)
        error_px = np.linalg.norm(back_n2 - pixels_n2, axis=1)
        # Written so that a NaN, which no comparison holds for, is an error too.
        rays_n3[~(error_px <= _MAX_REPROJECTION_ERROR_PX)] = np.nan
        return rays_n3 @ self._rotation.T

    def project(self, points_n3: Floats) -> Floats:
        """
        Return the pixels (u, v) of points of the optical frame (any unit), float64 [N, 2].

        They may lie outside the image. NaN for points behind the camera or where the lens model
        ends, as in `rays`.
        """
        return self._lens.project(points_n3 @ self._rotation, self._matrix)

    @property
    def _rotation(self) -> Floats:
        return np.reshape(self.r, (3, 3))

    @property
    def _matrix(self) -> Floats:
        fx, _, cx, _, fy, cy = self.k[:6]
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def scale_intrinsics(k: Sequence[float], scale_x: float, scale_y: float) -> list[float]:
    """
    Return the 3x3 camera matrix K (row-major, 9 values) for an image scaled by these factors.

    fx, skew and cx grow with the width, fy and cy with the height (sensor_msgs/CameraInfo).
    """
    return [
        value * scale for value, scale in zip(k, _row_scales(3, scale_x, scale_y), strict=True)
    ]


def scale_projection(p: Sequence[float], scale_x: float, scale_y: float) -> list[float]:
    """
    Return the 3x4 projection matrix P (row-major, 12 values) for an image scaled so.

    Its last column holds focal length times baseline and so scales too.
    """
    return [
        value * scale for value, scale in zip(p, _row_scales(4, scale_x, scale_y), strict=True)
    ]


def _row_scales(columns: int, scale_x: float, scale_y: float) -> list[float]:
    return [scale_x] * columns + [scale_y] * columns + [1.0] * columns
