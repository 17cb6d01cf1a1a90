# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Planner picture: costmap and scan beside what the camera saw, with the same metres in both."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.drawing.ground_picture import (
    BOUNDARY_RGB,
    cost_color,
    draw_costs,
    draw_free_rays,
    FREE_RAYS_RGB,
    GroundWindow,
    mark_metres,
    mark_points,
    ROBOT_RGB,
)
from rtformer_ros.drawing.legend import draw_swatches, ROW_HEIGHT_PX, text_width_px, write_text
from rtformer_ros.drawing.panels import draw_panels
from rtformer_ros.geometry.grids.placed_grid import UNKNOWN_COST
from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.imaging.resize import scale_image

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.drawing.ground_picture import CostGrid, RangeScan
    from rtformer_ros.geometry.arrays import Floats
    from rtformer_ros.geometry.camera_model import CameraModel
    from rtformer_ros.geometry.camera_pose import CameraPose
    from rtformer_ros.segmentation import Pixels

PANEL_HEIGHT_PX = 480
BEHIND_M = 1.0
_METRES_AHEAD = (5, 10, 15)
_LINE_RGB = (255, 255, 255)
_LINE_SAMPLES = 400
# OpenCV draws on a raster of 1/16 pixel where it is told so.
_SHIFT = 4
_LABEL_HEIGHT_PX = 15
_MARGIN_PX = 6
_PAPER = 255
_KEY = (
    ('free (0)', cost_color(0)),
    ('cost 30', cost_color(30)),
    ('cost 60', cost_color(60)),
    ('occupied (100)', cost_color(100)),
    ('unknown, unseen', cost_color(UNKNOWN_COST)),
    ('robot', ROBOT_RGB),
    ('scan: free', FREE_RAYS_RGB),
    ('scan: boundary', BOUNDARY_RGB),
)


@dataclass(frozen=True)
class PlannerOutputs:
    """What a planner gets of one frame, and the calibration and pose that it was made with."""

    grid: CostGrid
    scan: RangeScan
    camera: CameraModel
    pose: CameraPose


def draw_planner_picture(
    overlay_hwc: Pixels, outputs: PlannerOutputs, classes: Pixels | None = None, note: str = ''
) -> Pixels:
    """
    Return overlay | costmap | scan | key side by side, over a note, uint8 [H, W, 3] RGB.

    overlay_hwc: uint8 [H, W, 3] RGB, of the shape that the calibration is for; it is brought to
    PANEL_HEIGHT_PX rows, and gets the lines 5, 10 and 15 m ahead and the scan's boundary. The
    ground is shown as far ahead as the grid reaches. classes: a legend for the overlay's colours.
    """
    window = ground_window(outputs.grid)
    costs = draw_costs(outputs.grid, window)
    rays = draw_free_rays(outputs.scan, window)
    # A scan begins at the robot, what the camera sees a few metres ahead.
    rays[~_is_seen(GroundView(outputs.camera, outputs.pose), window)] = cost_color(UNKNOWN_COST)
    for panel in (costs, rays):
        mark_metres(panel, window)
    mark_points(rays, window.pixels(outputs.scan.boundary_m2))
    panels = [
        ('overlay, metres ahead', _marked_overlay(overlay_hwc, outputs)),
        ('costmap, seen from above', costs),
        ('scan, seen from above', rays),
        ('key', _key(classes)),
    ]
    return _with_note(draw_panels(panels), note)


def ground_window(grid: CostGrid) -> GroundWindow:
    """Return what is shown of a grid: all that is ahead, and as much aside as fits a square."""
    ahead_m = grid.origin_m[0] + grid.costs_hw.shape[1] * grid.resolution_m
    return GroundWindow(ahead_m, BEHIND_M, (ahead_m + BEHIND_M) / 2, PANEL_HEIGHT_PX)


def describe_camera(camera: CameraModel, height_m: float, pitch_deg: float) -> str:
    """Return how the camera looks at the ground, in words."""
    field_of_view_deg = 2 * math.degrees(math.atan(camera.width / 2 / camera.k[0]))
    direction = 'up' if pitch_deg < 0 else 'down'
    looks = f'looks {direction} by {abs(pitch_deg):g} deg' if pitch_deg else 'looks straight ahead'
    return (
        f'camera: {height_m:g} m above the ground, {looks}, field of view '
        f'{field_of_view_deg:.0f} deg'
    )


def _marked_overlay(overlay_hwc: Pixels, outputs: PlannerOutputs) -> Pixels:
    height, width = overlay_hwc.shape[:2]
    width_px = max(1, round(width * PANEL_HEIGHT_PX / height))
    panel = np.ascontiguousarray(scale_image(overlay_hwc, PANEL_HEIGHT_PX, width_px)).copy()
    view = GroundView(outputs.camera.scaled(PANEL_HEIGHT_PX, width_px), outputs.pose)
    free_row_px = PANEL_HEIGHT_PX
    for ahead_m in _METRES_AHEAD:
        # As far aside as lenses of 127 degrees see.
        aside_m = np.linspace(-2 * ahead_m, 2 * ahead_m, _LINE_SAMPLES)
        line_n2 = _seen(view, np.stack([np.full_like(aside_m, ahead_m), aside_m], axis=1))
        if len(line_n2):
            free_row_px = _draw_line(panel, line_n2, f'{ahead_m} m', free_row_px)
    # Half a pixel: the camera's (0, 0) is the middle of its first one.
    mark_points(panel, _seen(view, outputs.scan.boundary_m2) + 0.5)
    return panel


def _draw_line(panel: Pixels, line_n2: Floats, text: str, free_row_px: int) -> int:
    """
    Draw a line across the image with its name at the right, if there is room above `free_row_px`.

    Returns the row above which there is room for the next name.
    """
    raster_n2 = (line_n2 * (1 << _SHIFT)).round().astype(np.int32)
    cv2.polylines(panel, [raster_n2], False, _LINE_RGB, 1, cv2.LINE_AA, _SHIFT)
    right_px, row_px = (round(float(each)) for each in line_n2[np.argmax(line_n2[:, 0])])
    left_px, top_px = right_px - text_width_px(text) - 2 * _MARGIN_PX, row_px - _LABEL_HEIGHT_PX
    if row_px > free_row_px or left_px < 0 or top_px < 0:
        return free_row_px
    panel[top_px:row_px, left_px:right_px] = _LINE_RGB
    write_text(panel, text, left_px + _MARGIN_PX, row_px - 3)
    return top_px


def _seen(view: GroundView, points_n2: Floats) -> Floats:
    """Return the pixels of those ground points that lie in the image."""
    return view.pixels(points_n2[view.pixel_indices(points_n2) >= 0])


def _is_seen(view: GroundView, window: GroundWindow) -> npt.NDArray[np.bool_]:
    """Return which pixels of the window show ground that lies in the image, bool [H, W]."""
    points_hw2 = np.stack(np.meshgrid(*window.centres_m, indexing='ij'), axis=-1)
    return view.pixel_indices(points_hw2.reshape(-1, 2)).reshape(points_hw2.shape[:2]) >= 0


def _key(classes: Pixels | None) -> Pixels:
    parts = [draw_swatches(_KEY)]
    if classes is not None:
        gap = np.full((ROW_HEIGHT_PX // 2, 1, 3), _PAPER, np.uint8)
        parts += [gap, classes[: PANEL_HEIGHT_PX - parts[0].shape[0] - len(gap)]]
    width = max(part.shape[1] for part in parts)
    padded = [
        np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=_PAPER)
        for part in parts
    ]
    return np.concatenate(padded)


def _with_note(picture: Pixels, note: str) -> Pixels:
    if not note:
        return picture
    missing_px = max(0, text_width_px(note) + ROW_HEIGHT_PX - picture.shape[1])
    padding = ((0, ROW_HEIGHT_PX), (0, missing_px), (0, 0))
    padded = np.pad(picture, padding, constant_values=_PAPER)
    write_text(padded, note, _MARGIN_PX, padded.shape[0] - _MARGIN_PX)
    return padded
