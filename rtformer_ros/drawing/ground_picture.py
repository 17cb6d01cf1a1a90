# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Bird's-eye view of the ground around a robot: costs, a scan, and metres to read them by."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.drawing.legend import text_width_px, write_text
from rtformer_ros.errors import ImageError
from rtformer_ros.geometry.grids.placed_grid import UNKNOWN_COST

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from rtformer_ros.geometry.arrays import Floats
    from rtformer_ros.labels.label_set import ColorRgb
    from rtformer_ros.segmentation import Pixels

UNKNOWN_RGB: ColorRgb = (205, 205, 205)
BOUNDARY_RGB: ColorRgb = (0, 0, 0)
FREE_RAYS_RGB: ColorRgb = (120, 200, 235)
ROBOT_RGB: ColorRgb = (30, 80, 220)
_PAPER_RGB = (255, 255, 255)
_GRID_RGB = (90, 90, 90)
# From light to dark, so that colour-blind people and printers tell them apart too.
_COST_STOPS = (0, 30, 60, 100)
_COST_STOPS_RGB = ((150, 215, 140), (250, 230, 110), (240, 140, 50), (140, 10, 20))
_GRID_STEP_M = 5
_GRID_ALPHA = 0.35
_ROBOT_LENGTH_PX = 18
_POINT_RADIUS_PX = 2
# OpenCV draws on a raster of 1/16 pixel where it is told so.
_SHIFT = 4


@dataclass(frozen=True)
class CostGrid:
    """
    Costs of the ground, with the layout of nav_msgs/OccupancyGrid.

    costs_hw: int8 [H, W], 0 (free) to 100 (occupied), -1 unknown; rows along y, columns along x.
    resolution_m: side of a cell; origin_m: x, y of the corner of cell [0, 0].
    """

    costs_hw: npt.NDArray[np.int8]
    resolution_m: float
    origin_m: tuple[float, float]


@dataclass(frozen=True)
class RangeScan:
    """
    Ranges by bearing, with the meaning of sensor_msgs/LaserScan (REP 117).

    ranges_m: float32 [N]: to the first boundary; inf: free up to range_max_m; NaN: not known.
    """

    ranges_m: npt.NDArray[np.float32]
    angle_min_rad: float
    angle_increment_rad: float
    range_max_m: float

    @property
    def bearings(self) -> Floats:
        """Angle of each range from straight ahead, positive to the left, float64 [N]."""
        steps = np.arange(len(self.ranges_m))
        bearings: Floats = self.angle_min_rad + steps * self.angle_increment_rad
        return bearings

    @property
    def boundary_m2(self) -> Floats:
        """Ground points of the ranges that are a boundary: x, y in metres, float64 [M, 2]."""
        is_boundary = np.isfinite(self.ranges_m)
        ranges_m, bearings = self.ranges_m[is_boundary], self.bearings[is_boundary]
        return np.stack([ranges_m * np.cos(bearings), ranges_m * np.sin(bearings)], axis=1)


@dataclass(frozen=True)
class GroundWindow:
    """
    The piece of ground that a picture shows: ahead is up, left is left, the robot is at (0, 0).

    height_px: of the picture; its width follows, as the scale is one. Raises ImageError for a
    window without ground or pixels.
    """

    ahead_m: float
    behind_m: float
    side_m: float
    height_px: int

    def __post_init__(self) -> None:
        """Check that there is something to see."""
        if self.ahead_m + self.behind_m <= 0 or self.side_m <= 0 or self.height_px < 1:
            raise ImageError(
                f'a picture of {self.height_px} px shows {self.behind_m:g} m behind, '
                f'{self.ahead_m:g} m ahead and {self.side_m:g} m aside; expected more than 0'
            )

    @property
    def px_per_m(self) -> float:
        """Pixels for a metre."""
        return self.height_px / (self.ahead_m + self.behind_m)

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return round(2 * self.side_m * self.px_per_m)

    @property
    def centres_m(self) -> tuple[Floats, Floats]:
        """The ground under the middle of each pixel: x of the rows [H], y of the columns [W]."""
        x_h: Floats = self.ahead_m - (np.arange(self.height_px) + 0.5) / self.px_per_m
        y_w: Floats = self.side_m - (np.arange(self.width_px) + 0.5) / self.px_per_m
        return x_h, y_w

    def pixels(self, points_n2: Floats) -> Floats:
        """Return u, v of ground points (x, y in metres), float64 [N, 2]; (0, 0) is a corner."""
        offsets_n2 = np.array([self.side_m, self.ahead_m]) - points_n2[:, ::-1]
        pixels_n2: Floats = offsets_n2 * self.px_per_m
        return pixels_n2


def cost_color(cost: int) -> ColorRgb:
    """Return the colour of a cost, -1 (unknown) or 0 to 100."""
    red, green, blue = _cost_palette()[cost & 0xFF].tolist()
    return red, green, blue


def draw_costs(grid: CostGrid, window: GroundWindow) -> Pixels:
    """Return the costs in the window, uint8 [height_px, width_px, 3] RGB."""
    x_h, y_w = window.centres_m
    columns_h = np.floor((x_h - grid.origin_m[0]) / grid.resolution_m).astype(np.intp)
    rows_w = np.floor((y_w - grid.origin_m[1]) / grid.resolution_m).astype(np.intp)
    rows, columns = grid.costs_hw.shape
    has_column_h = (columns_h >= 0) & (columns_h < columns)
    has_row_w = (rows_w >= 0) & (rows_w < rows)
    costs_hw = np.full((window.height_px, window.width_px), UNKNOWN_COST, np.int8)
    inside = np.ix_(has_column_h, has_row_w)
    costs_hw[inside] = grid.costs_hw[np.ix_(rows_w[has_row_w], columns_h[has_column_h])].T
    return _cost_palette()[costs_hw.view(np.uint8)]


def draw_free_rays(scan: RangeScan, window: GroundWindow) -> Pixels:
    """Return white paper with the free part of each bearing filled, RGB as `draw_costs`."""
    canvas = np.full((window.height_px, window.width_px, 3), _PAPER_RGB, np.uint8)
    free_m = np.minimum(scan.ranges_m, scan.range_max_m)
    for bearing, range_m in zip(scan.bearings, free_m.tolist(), strict=True):
        if not math.isnan(range_m):
            sides = np.array([-0.5, 0.5]) * scan.angle_increment_rad + bearing
            corners_n2 = range_m * np.stack([np.cos(sides), np.sin(sides)], axis=1)
            points_n2 = window.pixels(np.concatenate([np.zeros((1, 2)), corners_n2]))
            cv2.fillPoly(canvas, [_raster(points_n2)], FREE_RAYS_RGB, shift=_SHIFT)
    return canvas


def mark_points(canvas: Pixels, pixels_n2: Floats) -> None:
    """Draw a dot with a rim at each of these pixels (u, v); (0, 0) is the picture's corner."""
    for color, radius_px in ((_PAPER_RGB, _POINT_RADIUS_PX + 1), (BOUNDARY_RGB, _POINT_RADIUS_PX)):
        for point in _raster(pixels_n2).tolist():
            radius = radius_px << _SHIFT
            cv2.circle(canvas, point, radius, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def mark_metres(canvas: Pixels, window: GroundWindow) -> None:
    """Draw a line every 5 m, with the metres ahead and aside, and the robot at its place."""
    lines = canvas.copy()
    reach_m = math.ceil(max(window.ahead_m, window.behind_m, window.side_m))
    steps_m = range(-reach_m // _GRID_STEP_M * _GRID_STEP_M, reach_m + 1, _GRID_STEP_M)
    for metres in steps_m:
        u, v = window.pixels(np.array([[metres, metres]], np.float64)).round().astype(int)[0]
        cv2.line(lines, (int(u), 0), (int(u), window.height_px), _GRID_RGB, 1)
        cv2.line(lines, (0, int(v)), (window.width_px, int(v)), _GRID_RGB, 1)
    cv2.addWeighted(lines, _GRID_ALPHA, canvas, 1 - _GRID_ALPHA, 0, canvas)
    for metres in steps_m:
        _write_metres(canvas, window, metres)
    _draw_robot(canvas, window)


def _write_metres(canvas: Pixels, window: GroundWindow, metres: int) -> None:
    """Write the metres ahead at the left edge, those aside at the lower edge."""
    u, v = window.pixels(np.array([[metres, metres]], np.float64)).round().astype(int)[0]
    if metres and 12 < v < window.height_px:
        write_text(canvas, f'{metres} m', 3, int(v) - 3)
    text = f'{abs(metres)} m'
    left = int(u) - text_width_px(text) // 2
    if metres and 0 <= left <= window.width_px - text_width_px(text):
        write_text(canvas, text, left, window.height_px - 4)


def _draw_robot(canvas: Pixels, window: GroundWindow) -> None:
    """Draw an arrowhead whose middle is at (0, 0) and that points ahead."""
    u, v = window.pixels(np.zeros((1, 2)))[0]
    half = _ROBOT_LENGTH_PX / 2
    corners = np.array([[u, v - half], [u + 0.8 * half, v + half], [u - 0.8 * half, v + half]])
    cv2.fillPoly(canvas, [_raster(corners)], ROBOT_RGB, cv2.LINE_AA, _SHIFT)


def _raster(points_n2: Floats) -> npt.NDArray[np.int32]:
    """Return points as OpenCV's drawing takes them, whose (0, 0) is the middle of a pixel."""
    return ((points_n2 - 0.5) * (1 << _SHIFT)).round().astype(np.int32)


def _cost_palette() -> Pixels:
    """Return the colours by cost as uint8, uint8 [256, 3]; all that is no cost is unknown."""
    palette = np.full((256, 3), UNKNOWN_RGB, np.uint8)
    costs = np.arange(_COST_STOPS[-1] + 1)
    channels: Sequence[Floats] = [
        np.interp(costs, _COST_STOPS, stops) for stops in np.transpose(_COST_STOPS_RGB)
    ]
    palette[: len(costs)] = np.stack(channels, axis=1).round()
    return palette
