# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lens distortion models: Brown-Conrady, its rational form, and the equidistant fisheye."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.errors import GeometryError, quoted

if TYPE_CHECKING:
    from rtformer_ros.geometry.arrays import Floats

COEFFICIENT_COUNTS = {
    '': (0,),
    'plumb_bob': (0, 4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}
"""Numbers of coefficients that each distortion model of sensor_msgs/CameraInfo may have."""

# Rays further than this from the axis (86 degrees) are left out: their tangent is no number to
# calculate with.
_MAX_TANGENT = 15.0


@dataclass(frozen=True)
class LensDistortion:
    """
    A distortion model with its coefficients, as sensor_msgs/CameraInfo names them.

    model: a key of COEFFICIENT_COUNTS; coefficients: D. Pinhole coordinates are x/z and y/z of
    points of the optical frame. Raises GeometryError for an unknown model or coefficients that
    are not its own.
    """

    model: str
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check both fields."""
        counts = COEFFICIENT_COUNTS.get(self.model)
        if counts is None:
            raise GeometryError(
                f'the lens model {quoted(self.model)} is unknown; expected one of: '
                f'{", ".join(filter(None, COEFFICIENT_COUNTS))}'
            )
        if len(self.coefficients) not in counts or not all(map(math.isfinite, self.coefficients)):
            raise GeometryError(
                f"the lens model '{self.model}' has the coefficients "
                f'{quoted(list(self.coefficients[:16]))}; '
                f'expected {" or ".join(map(str, counts))} finite numbers'
            )

    def project(self, points_n3: Floats, matrix_33: Floats) -> Floats:
        """
        Return the pixels (u, v) of points of the optical frame, float64 [N, 2].

        matrix_33: camera matrix K. NaN for points behind the camera or where the model ends.
        """
        pixels_n2 = np.full((len(points_n3), 2), np.nan)
        with np.errstate(invalid='ignore', divide='ignore'):
            tangent = np.hypot(points_n3[:, 0], points_n3[:, 1]) / points_n3[:, 2]
            is_seen = (points_n3[:, 2] > 0) & (tangent < self._max_tangent)
        if not is_seen.any():
            return pixels_n2
        points_n13 = np.ascontiguousarray(points_n3[is_seen], np.float64).reshape(-1, 1, 3)
        nil, coefficients = np.zeros(3), np.array(self.coefficients, np.float64)
        if self.model == 'equidistant':
            found, _ = cv2.fisheye.projectPoints(points_n13, nil, nil, matrix_33, coefficients)
        else:
            found, _ = cv2.projectPoints(points_n13, nil, nil, matrix_33, coefficients)
        pixels_n2[is_seen] = found.reshape(-1, 2)
        return pixels_n2

    def undistort(self, pixels_n2: Floats, matrix_33: Floats) -> Floats:
        """
        Return the pinhole coordinates of pixels (u, v), float64 [N, 2].

        Where the model ends they may be wrong or NaN: `project` does not lead back to the pixel.
        """
        points_n12, coefficients = pixels_n2.reshape(-1, 1, 2), np.array(self.coefficients, float)
        if not len(points_n12):
            return np.empty((0, 2))
        if self.model == 'equidistant':
            # OpenCV before 4.5.5, which Ubuntu 22.04 has, takes no criteria here.
            found = cv2.fisheye.undistortPoints(points_n12, matrix_33, coefficients)
            # OpenCV takes all beyond 90 degrees for 90: rays a little beside their pixels.
            bent_n2 = (pixels_n2 - matrix_33[:2, 2]) / matrix_33.diagonal()[:2]
            found[np.hypot(bent_n2[:, 0], bent_n2[:, 1]) > math.pi / 2] = np.nan
        else:
            # Near where the model folds back, 40 iterations leave some hundredths of a pixel.
            criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-5)
            found = cv2.undistortPointsIter(
                points_n12, matrix_33, coefficients, np.eye(3), np.eye(3), criteria
            )
        return np.asarray(found, np.float64).reshape(-1, 2)

    @cached_property
    def _max_tangent(self) -> float:
        """Tangent of the angle off the axis at which the model folds back."""
        d = [*self.coefficients, *[0.0] * 8]
        tangent = np.linspace(0.0, _MAX_TANGENT, 3001)
        if self.model == 'equidistant':
            base = np.arctan(tangent)
            square = base**2
            factor = 1 + square * (d[0] + square * (d[1] + square * (d[2] + square * d[3])))
        else:
            base, square = tangent, tangent**2
            factor = 1 + square * (d[0] + square * (d[1] + square * d[4]))
            if self.model == 'rational_polynomial':
                factor = factor / (1 + square * (d[5] + square * (d[6] + square * d[7])))
        falls = np.diff(base * factor) <= 0
        return float(tangent[np.argmax(falls)]) if falls.any() else _MAX_TANGENT
