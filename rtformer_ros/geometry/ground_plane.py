# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Projection onto the ground plane (the homography of a pinhole camera) and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Floats
    from rtformer_ros.geometry.camera_model import CameraModel
    from rtformer_ros.geometry.camera_pose import CameraPose

MOST_ROWS, MOST_COLUMNS = 1200, 1920
"""Most rows and columns that are projected to the ground."""

# A ray that falls less than this (sine of its angle) is taken as not meeting the ground: it
# would meet it more than 1000 camera heights away.
_MIN_FALL = 1e-3


@dataclass(frozen=True)
class GroundView:
    """
    The ground as one camera sees it, flat: z = 0 of the robot's base frame, metres.

    Its arrays are calculated once: keep the view as long as calibration and pose stay the same.
    """

    camera: CameraModel
    pose: CameraPose

    def ground_points(self, rays_n3: npt.NDArray[np.float32] | Floats) -> Floats:
        """
        Return where rays of the optical frame meet the ground: x, y in metres, float64 [N, 2].

        NaN for rays at or over the horizon, and for rays that are NaN.
        """
        return self._met(rays_n3.astype(np.float64).T).T

    def _met(self, rays_3n: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return x, y of where rays meet the ground, [2, N], of the type of the rays."""
        directions_3n = self.pose.rotation_33.astype(rays_3n.dtype) @ rays_3n
        points_2n: npt.NDArray[Any] = directions_3n[:2]
        fall = -directions_3n[2]
        fall[~(fall >= _MIN_FALL * np.sqrt((directions_3n**2).sum(axis=0)))] = np.nan
        x_m, y_m, height_m = self.pose.position_m
        points_2n *= height_m / fall
        points_2n += np.array([[x_m], [y_m]], rays_3n.dtype)
        return points_2n

    @cached_property
    def points_hw2(self) -> npt.NDArray[np.float32]:
        """Ground point of every pixel: x, y in metres, float32 [H, W, 2]; NaN where none is."""
        points_hw2 = np.empty((self.camera.height, self.camera.width, 2), np.float32)
        for rows, rays_3hw in self.camera.ray_strips():
            points_2n = self._met(rays_3hw.reshape(3, -1))
            points_hw2[rows] = points_2n.T.reshape(*rays_3hw.shape[1:], 2)
        return points_hw2

    @cached_property
    def sampled(self) -> GroundView:
        """
        The view by an image of MOST_ROWS x MOST_COLUMNS pixels at most, itself where it is one.

        What is projected pixel by pixel is projected by it, so that no size of an image costs more
        than that.
        """
        height, width = self.camera.height, self.camera.width
        if height <= MOST_ROWS and width <= MOST_COLUMNS:
            return self
        return replace(
            self, camera=self.camera.scaled(min(height, MOST_ROWS), min(width, MOST_COLUMNS))
        )

    def pixels(self, points_n2: Floats) -> Floats:
        """
        Return the pixels (u, v) of ground points (x, y in metres), float64 [N, 2].

        They may lie outside the image; NaN for points that no pixel can show.
        """
        heights = np.zeros((len(points_n2), 1))
        offsets_n3 = np.concatenate([points_n2, heights], axis=1) - self.pose.position_m
        return self.camera.project(offsets_n3 @ self.pose.rotation_33)

    def pixel_indices(self, points_n2: Floats) -> npt.NDArray[np.intp]:
        """Return the row-major index of the pixel that shows each ground point, -1 for none."""
        pixels_n2 = self.pixels(points_n2)
        height, width = self.camera.height, self.camera.width
        with np.errstate(invalid='ignore'):
            is_seen = (
                (pixels_n2 > -0.5).all(axis=1)
                & (pixels_n2[:, 0] < width - 0.5)
                & (pixels_n2[:, 1] < height - 0.5)
            )
        columns, rows = np.rint(np.where(is_seen[:, np.newaxis], pixels_n2, 0.0)).T.astype(np.intp)
        return np.where(is_seen, rows * width + columns, -1)
