# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
A world that can be computed by hand: flat ground, upright boxes and a camera over it.

Nothing here uses the package: rays are found by Newton's method from the published formulas of the
lens models, and cut with planes and boxes one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

GROUND, BOX, SKY = 0, 1, 2


@dataclass(frozen=True)
class Lens:
    """A lens as in sensor_msgs/CameraInfo, in the middle of an image but for a few pixels."""

    model: str
    d: tuple[float, ...]
    height: int = 480
    width: int = 640
    focal_px: float = 600.0

    def zoomed(self, factor: int) -> Lens:
        """The same lens before a sensor of more pixels."""
        return replace(
            self,
            height=self.height * factor,
            width=self.width * factor,
            focal_px=self.focal_px * factor,
        )

    @property
    def k(self) -> tuple[float, ...]:
        cx, cy = self.width / 2 + 3.2, self.height / 2 - 5.7
        return (self.focal_px, 0.0, cx, 0.0, self.focal_px * 1.02, cy, 0.0, 0.0, 1.0)

    def distort(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From x/z, y/z to what the lens makes of them."""
        r2 = x * x + y * y
        if self.model == 'equidistant':
            r = np.sqrt(r2)
            theta = np.arctan(r)
            k1, k2, k3, k4 = self.d
            bent = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8)
            factor = np.where(r > 1e-9, bent / np.maximum(r, 1e-9), 1.0)
            return x * factor, y * factor
        k1, k2, p1, p2, k3, k4, k5, k6 = (*self.d, 0.0, 0.0, 0.0)[:8]
        factor = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
        return (
            x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * factor + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )

    def pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bent_x, bent_y = self.distort(x, y)
        fx, _, cx, _, fy, cy, *_ = self.k
        return fx * bent_x + cx, fy * bent_y + cy


PINHOLE = Lens('plumb_bob', (0.0, 0.0, 0.0, 0.0, 0.0))
PLUMB_BOB = Lens('plumb_bob', (-0.28, 0.09, 0.0008, -0.0006, -0.012))
RATIONAL = Lens('rational_polynomial', (0.45, 0.05, 4e-4, -3e-4, 0.01, 0.8, 0.12, 0.02))
EQUIDISTANT = Lens('equidistant', (-0.03, 0.01, -0.004, 0.001))


@lru_cache(maxsize=8)
def tangents(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """x/z and y/z of all pixels, row-major, by Newton's method with a numerical Jacobian."""
    rows, columns = np.mgrid[: lens.height, : lens.width].astype(float)
    fx, _, cx, _, fy, cy, *_ = lens.k
    want_x, want_y = (columns.ravel() - cx) / fx, (rows.ravel() - cy) / fy
    x, y = want_x.copy(), want_y.copy()
    for _ in range(12):
        bent_x, bent_y = lens.distort(x, y)
        moved_x, moved_y = lens.distort(x + 1e-6, y), lens.distort(x, y + 1e-6)
        dx_dx, dy_dx = (moved_x[0] - bent_x) / 1e-6, (moved_x[1] - bent_y) / 1e-6
        dx_dy, dy_dy = (moved_y[0] - bent_x) / 1e-6, (moved_y[1] - bent_y) / 1e-6
        off_x, off_y = want_x - bent_x, want_y - bent_y
        determinant = dx_dx * dy_dy - dx_dy * dy_dx
        x = x + (dy_dy * off_x - dx_dy * off_y) / determinant
        y = y + (dx_dx * off_y - dy_dx * off_x) / determinant
    back_x, back_y = lens.pixels(x, y)
    assert np.abs(back_x - columns.ravel()).max() < 1e-6
    assert np.abs(back_y - rows.ravel()).max() < 1e-6
    return x, y


@dataclass(frozen=True)
class Extrinsics:
    """Where the camera is, in a frame with x ahead, y left, z up and the ground at z = 0."""

    height_m: float = 1.5
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    forward_m: float = 0.0

    @property
    def centre(self) -> np.ndarray:
        return np.array([self.forward_m, 0.0, self.height_m])

    @property
    def axes(self) -> np.ndarray:
        """Columns: the camera's right, down and ahead. Pitch looks down, roll lowers the right."""
        pitch, roll = np.radians([self.pitch_deg, self.roll_deg])
        ahead = np.array([np.cos(pitch), 0.0, -np.sin(pitch)])
        level_right = np.array([0.0, -1.0, 0.0])
        level_down = np.cross(ahead, level_right)
        right = np.cos(roll) * level_right + np.sin(roll) * level_down
        return np.stack([right, np.cross(ahead, right), ahead], axis=1)


@dataclass(frozen=True)
class Scene:
    """Boxes (x0, x1, y0, y1, top), in metres, seen by a camera."""

    lens: Lens
    extrinsics: Extrinsics
    boxes: tuple[tuple[float, ...], ...] = (
        (4.0, 5.0, -1.0, 0.5, 1.0),
        (9.0, 10.0, 1.5, 3.0, 2.2),
        (14.2, 15.5, -4.0, -2.0, 1.2),
    )

    @cache  # noqa: B019  the scenes of one test run
    def class_map(self) -> np.ndarray:
        """What each pixel's ray meets first, uint8 [H, W]."""
        x, y = tangents(self.lens)
        rays = np.stack([x, y, np.ones_like(x)], axis=1) @ self.extrinsics.axes.T
        with np.errstate(divide='ignore'):
            ground = np.where(rays[:, 2] < 0, -self.extrinsics.height_m / rays[:, 2], np.inf)
        box = self._way_to_boxes(rays)
        classes = np.where(np.isfinite(ground), GROUND, SKY)
        classes[box < ground] = BOX
        return classes.astype(np.uint8).reshape(self.lens.height, self.lens.width)

    def ends_of_free_ground(
        self, bearings: np.ndarray, width_rad: float, range_max_m: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """
        Where free ground in sight ends, by bearing from the origin: within a beam of that width
        the least and greatest range, inf where it does not, and whether range_max is in the image.
        """
        half_rad = width_rad / 2 + 0.7 / self.lens.focal_px
        angles = bearings[:, None] + np.linspace(-half_rad, half_rad, 5)
        ranges_m = np.arange(0.5, range_max_m, 0.02)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        points = directions[:, :, None] * ranges_m[:, None]
        in_image = self.is_in_image(points)
        blocked = in_image & ~self.is_clear(points)
        ends_m = np.where(blocked.any(axis=-1), ranges_m[blocked.argmax(axis=-1)], np.inf)
        return ends_m.min(axis=1), ends_m.max(axis=1), in_image[:, 2, -1]

    def is_in_image(self, points: np.ndarray) -> np.ndarray:
        """Whether the camera looks at ground points [..., 2], whatever stands before them."""
        flat = np.concatenate([points.reshape(-1, 2), np.zeros((points.size // 2, 1))], axis=1)
        right, down, ahead = ((flat - self.extrinsics.centre) @ self.extrinsics.axes).T
        is_before = ahead > 0.1
        ahead = np.where(is_before, ahead, 1.0)
        x, y = right / ahead, down / ahead
        # Far off the axis the formulas of lenses fold back into the image.
        is_before &= np.hypot(x, y) < 1.2 * max(np.hypot(*tangents(self.lens)))
        u, v = self.lens.pixels(*(np.where(is_before, value, 0.0) for value in (x, y)))
        is_before &= (u > -0.5) & (u < self.lens.width - 0.5)
        is_before &= (v > -0.5) & (v < self.lens.height - 0.5)
        return is_before.reshape(points.shape[:-1])

    def is_clear(self, points: np.ndarray) -> np.ndarray:
        """Whether nothing stands on ground points [..., 2] or between them and the camera."""
        flat = np.concatenate([points.reshape(-1, 2), np.zeros((points.size // 2, 1))], axis=1)
        # Boxes reach under the ground: a point beneath one is hit on the way as well.
        return (self._way_to_boxes(flat - self.extrinsics.centre) > 1.0).reshape(points.shape[:-1])

    def _way_to_boxes(self, directions: np.ndarray) -> np.ndarray:
        """How often a direction fits between the camera and the nearest box, [N]."""
        nearest = np.full(len(directions), np.inf)
        with np.errstate(divide='ignore', invalid='ignore'):
            for x0, x1, y0, y1, top in self.boxes:
                low = (np.array([x0, y0, -1.0]) - self.extrinsics.centre) / directions
                high = (np.array([x1, y1, top]) - self.extrinsics.centre) / directions
                enters = np.minimum(low, high).max(axis=1)
                leaves = np.maximum(low, high).min(axis=1)
                is_hit = (enters <= leaves) & (enters > 0)
                nearest = np.where(is_hit, np.minimum(nearest, enters), nearest)
        return nearest


LEVEL = Extrinsics()
SLANTED = (
    Extrinsics(pitch_deg=10.0, roll_deg=10.0),
    Extrinsics(pitch_deg=10.0, roll_deg=-10.0, forward_m=0.4),
    Extrinsics(pitch_deg=-10.0, roll_deg=10.0),
    Extrinsics(pitch_deg=-10.0, roll_deg=-10.0),
)
DISTORTED = (PLUMB_BOB, RATIONAL, EQUIDISTANT)
# Scenes, and what the projections of them are held to: the side of a cell in metres. At 15 m, one
# row of the small images covers 0.25 m of the ground, one of the large image 0.12 m.
SCENES = (
    (Scene(PINHOLE, LEVEL), 0.25),
    *((Scene(lens, extrinsics), 0.25) for lens in DISTORTED for extrinsics in SLANTED),
    (Scene(PLUMB_BOB.zoomed(2), SLANTED[1]), 0.1),
)


def scene_name(value: object) -> str:
    if not isinstance(value, Scene):
        return f'{value}m'
    lens, extrinsics = value.lens, value.extrinsics
    return f'{lens.model}-{lens.width}px-pitch{extrinsics.pitch_deg:g}-roll{extrinsics.roll_deg:g}'
