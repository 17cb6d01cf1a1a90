"""Turn pixels into rays and points into pixels, lens distortion included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtformer_ros.errors import GeometryError
from rtformer_ros.geometry.smooth_grid import smooth_grid

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


COEFFICIENT_COUNTS = {
    '': (0,),
    'plumb_bob': (0, 4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}
"""Numbers of coefficients that each distortion model of sensor_msgs/CameraInfo may have."""

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_MAX_REPROJECTION_ERROR_PX = 0.1
# Rays are smooth: cubic polynomials over so many pixels are right to a millionth.
_RAY_STEP_PX = 4
# Rays further than this from the axis (86 degrees) are left out: their tangent is no number to
# calculate with.
_MAX_TANGENT = 15.0


@dataclass(frozen=True)
class CameraModel:
    """
    A camera's calibration, with the meaning that sensor_msgs/CameraInfo gives to it.

    height, width: pixels of the image that k is for. k: camera matrix, 9 values, row-major, in
    pixels; its skew is taken as 0. distortion_model and d: a key of COEFFICIENT_COUNTS and its
    coefficients. r: rectifying rotation, 9 values; all 0 means none.
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

    def __post_init__(self) -> None:
        """Check all values."""
        if self.height < 1 or self.width < 1:
            raise GeometryError(
                f'the calibration is for an image of {self.width}x{self.height} pixels; the '
                'camera must publish a CameraInfo with the size it was calibrated with'
            )
        self._check_k()
        self._check_distortion()
        if not any(self.r):
            object.__setattr__(self, 'r', _IDENTITY)
        rotation = np.reshape(self.r, (3, 3)) if len(self.r) == 9 else np.zeros((3, 3))
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3):
            raise GeometryError(
                f'R of the calibration is {list(self.r)}; expected the 9 values of a rotation, or 0'
            )

    def _check_k(self) -> None:
        if len(self.k) != 9 or not all(map(math.isfinite, self.k)):
            raise GeometryError(
                f'K of the calibration is {list(self.k)}; expected 9 finite numbers'
            )
        if self.k[0] <= 0 or self.k[4] <= 0:
            raise GeometryError(
                f'K of the calibration has focal lengths {self.k[0]:g} and {self.k[4]:g}; expected '
                'more than 0: the camera is not calibrated (camera_calibration does that)'
            )

    def _check_distortion(self) -> None:
        counts = COEFFICIENT_COUNTS.get(self.distortion_model)
        if counts is None:
            raise GeometryError(
                f"the lens model '{self.distortion_model}' is unknown; expected one of: "
                f'{", ".join(filter(None, COEFFICIENT_COUNTS))}'
            )
        if len(self.d) not in counts or not all(map(math.isfinite, self.d)):
            raise GeometryError(
                f"the lens model '{self.distortion_model}' has the coefficients {list(self.d)}; "
                f'expected {" or ".join(map(str, counts))} finite numbers'
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

    @cached_property
    def rays_hw3(self) -> npt.NDArray[np.float32]:
        """
        Unit rays of all pixels, float32 [height, width, 3]; NaN where the lens model ends.

        They are calculated once: keep the model as long as the calibration stays the same.
        """
        rays_hw3 = smooth_grid(self.rays, self.height, self.width, _RAY_STEP_PX)
        if np.isnan(rays_hw3).any():
            rows, columns = np.mgrid[: self.height, : self.width]
            pixels_n2 = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
            rays_hw3 = self.rays(pixels_n2).reshape(self.height, self.width, 3)
        return rays_hw3.astype(np.float32)

    def rays(self, pixels_n2: Floats) -> Floats:
        """
        Return the unit rays of pixels (u, v), float64 [N, 3].

        NaN where the lens model gives no ray: beyond the radius at which it folds back, or 86
        degrees off the axis and more.
        """
        tangents_n2 = self._undistorted(pixels_n2)
        rays_n3 = np.concatenate([tangents_n2, np.ones((len(tangents_n2), 1))], axis=1)
        rays_n3 /= np.linalg.norm(rays_n3, axis=1, keepdims=True)
        back_n2 = self._distorted(rays_n3)
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
        return self._distorted(points_n3 @ self._rotation)

    @property
    def _rotation(self) -> Floats:
        return np.reshape(self.r, (3, 3))

    @property
    def _matrix(self) -> Floats:
        fx, _, cx, _, fy, cy = self.k[:6]
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    def _undistorted(self, pixels_n2: Floats) -> Floats:
        """Return x/z and y/z, float64 [N, 2], which may be wrong where the lens model ends."""
        points_n12, coefficients = pixels_n2.reshape(-1, 1, 2), np.array(self.d, np.float64)
        if not len(points_n12):
            return np.empty((0, 2))
        if self.distortion_model == 'equidistant':
            # OpenCV before 4.5.5, which Ubuntu 22.04 has, takes no criteria here.
            found = cv2.fisheye.undistortPoints(points_n12, self._matrix, coefficients)
        else:
            criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-5)
            found = cv2.undistortPointsIter(
                points_n12, self._matrix, coefficients, np.eye(3), np.eye(3), criteria
            )
        return np.asarray(found, np.float64).reshape(-1, 2)

    def _distorted(self, points_n3: Floats) -> Floats:
        pixels_n2 = np.full((len(points_n3), 2), np.nan)
        with np.errstate(invalid='ignore', divide='ignore'):
            tangent = np.hypot(points_n3[:, 0], points_n3[:, 1]) / points_n3[:, 2]
            is_seen = (points_n3[:, 2] > 0) & (tangent < self._max_tangent)
        if not is_seen.any():
            return pixels_n2
        points_n13 = np.ascontiguousarray(points_n3[is_seen], np.float64).reshape(-1, 1, 3)
        nil, coefficients = np.zeros(3), np.array(self.d, np.float64)
        if self.distortion_model == 'equidistant':
            found, _ = cv2.fisheye.projectPoints(points_n13, nil, nil, self._matrix, coefficients)
        else:
            found, _ = cv2.projectPoints(points_n13, nil, nil, self._matrix, coefficients)
        pixels_n2[is_seen] = found.reshape(-1, 2)
        return pixels_n2

    @cached_property
    def _max_tangent(self) -> float:
        """Tangent of the angle off the axis at which the lens model folds back."""
        d = [*self.d, *[0.0] * 8]
        tangent = np.linspace(0.0, _MAX_TANGENT, 3001)
        if self.distortion_model == 'equidistant':
            base = np.arctan(tangent)
            square = base**2
            factor = 1 + square * (d[0] + square * (d[1] + square * (d[2] + square * d[3])))
        else:
            base, square = tangent, tangent**2
            factor = 1 + square * (d[0] + square * (d[1] + square * d[4]))
            if self.distortion_model == 'rational_polynomial':
                factor = factor / (1 + square * (d[5] + square * (d[6] + square * d[7])))
        falls = np.diff(base * factor) <= 0
        return float(tangent[np.argmax(falls)]) if falls.any() else _MAX_TANGENT


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
