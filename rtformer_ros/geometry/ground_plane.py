"""Projection onto the ground plane (the homography of a pinhole camera) and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rtformer_ros.geometry.arrays import Floats
    from rtformer_ros.geometry.camera_model import CameraModel
    from rtformer_ros.geometry.camera_pose import CameraPose

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
        directions_n3 = rays_n3.astype(np.float64) @ self.pose.rotation_33.T
        fall = -directions_n3[:, 2]
        fall[~(fall >= _MIN_FALL * np.linalg.norm(directions_n3, axis=1))] = np.nan
        x_m, y_m, height_m = self.pose.position_m
        way = height_m / fall
        points_n2: Floats = directions_n3[:, :2] * way[:, np.newaxis] + np.array([x_m, y_m])
        return points_n2

    @cached_property
    def points_hw2(self) -> Floats:
        """Ground point of every pixel: x, y in metres, float64 [H, W, 2]; NaN where none is."""
        rays_n3 = self.camera.rays_hw3.reshape(-1, 3)
        return self.ground_points(rays_n3).reshape(self.camera.height, self.camera.width, 2)

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
