# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/regions: connected regions of classes as JSON in a std_msgs/String."""

from __future__ import annotations

from dataclasses import dataclass
import json
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.errors import ConfigError, GeometryError, ImageError, shown
from rtformer_ros.ros.input.camera_info import camera_model
from rtformer_ros.ros.output.points import decoded_depth
from std_msgs.msg import String

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.imaging.regions import ClassRegion, Regions
    from rtformer_ros.labels.published_classes import PublishedClass
    from rtformer_ros.ros.frames.result import FrameResult

    Position = list[float] | None

_VERSION = 1
_MOST_CHARACTERS = 300


@dataclass(frozen=True)
class LocatedRegions:
    """
    Regions of a frame, and where they are.

    positions: x, y, z in metres in the camera's optical frame, one for each region, None where
    there is no depth. position_error: why none has one.
    """

    found: Regions
    positions: list[Position]
    position_error: str


def locate_regions(frame: FrameResult) -> LocatedRegions:
    """Return the regions of a frame with their places."""
    return LocatedRegions(frame.regions, *_positions(frame, frame.regions.regions))


def make_regions(frame: FrameResult) -> String:
    """
    Return the regions of a frame; docs/topics.md has the schema.

    Positions are null where no depth image, or no calibration, fits; the message says why.
    """
    located = locate_regions(frame)
    found = located.found
    height, width = frame.segmentation.size
    classes = {each.class_id: each for each in frame.config.classes}
    content = {
        'version': _VERSION,
        'stamp': {'sec': frame.header.stamp.sec, 'nanosec': frame.header.stamp.nanosec},
        'frame_id': frame.header.frame_id,
        'width': width,
        'height': height,
        'stride': found.stride,
        'omitted': found.omitted,
        'position_error': located.position_error,
        'regions': [
            _entry(classes[region.class_id], region, position)
            for region, position in zip(found.regions, located.positions, strict=True)
        ],
    }
    return String(data=json.dumps(content, ensure_ascii=False))


def _entry(published: PublishedClass, region: ClassRegion, position: Position) -> dict[str, Any]:
    return {
        'class_id': region.class_id,
        'class': published.name,
        'group': published.group,
        'confidence': round(region.confidence, 4),
        'box': list(region.box),
        'area': region.area,
        'centroid': [round(value, 2) for value in region.centroid],
        'contour': region.contour_n2.tolist(),
        'position': position,
    }


def _positions(frame: FrameResult, regions: tuple[ClassRegion, ...]) -> tuple[list[Position], str]:
    """Return the place of each region in the optical frame, in metres, and why there is none."""
    nowhere: list[Position] = [None] * len(regions)
    if not regions:
        return nowhere, ''
    settings = frame.config.settings
    height, width = frame.segmentation.size
    try:
        depth_hw = decoded_depth(frame)
        _check_aspect(depth_hw.shape, frame.source)
        # The mask may be of another shape: what it shows is the whole image all the same.
        image = camera_model(frame.camera_info, *frame.source, settings.camera.is_rectified)
        model = image.scaled(height, width)
    except (GeometryError, ImageError, ConfigError) as error:
        return nowhere, shown(str(error), _MOST_CHARACTERS)
    rays_n3 = model.rays(np.array([region.centroid for region in regions]))
    limits_m = (settings.points.min_depth_m, settings.points.max_depth_m)
    depths_m = [_median_depth_m(r, depth_hw, (height, width), limits_m) for r in regions]
    points_n3 = rays_n3 / rays_n3[:, 2:] * np.array(depths_m)[:, np.newaxis]
    return [_rounded(point) for point in points_n3], ''


def _check_aspect(depth: tuple[int, ...], image: tuple[int, int]) -> None:
    """Raise GeometryError where depth of that size cannot show what the image does."""
    if abs(depth[0] * image[1] - depth[1] * image[0]) > max(*depth, *image):
        raise GeometryError(
            f'the depth image is {depth[1]}x{depth[0]}, the image {image[1]}x{image[0]} (width x '
            'height); expected the same aspect ratio: publish depth registered to the image'
        )


def _median_depth_m(
    region: ClassRegion,
    depth_hw: npt.NDArray[np.generic],
    size: tuple[int, int],
    limits_m: tuple[float, float],
) -> float:
    """Return the median of the region's depths within the limits, NaN for none."""
    rows, columns = (
        (2 * region.samples_n2[:, axis] + 1) * depth_hw.shape[axis] // (2 * size[axis])
        for axis in range(2)
    )
    depths_m = depth_hw[rows, columns].astype(np.float64)
    if depth_hw.dtype == np.uint16:
        depths_m /= 1000
    least_m, most_m = limits_m
    valid_m = depths_m[(depths_m > 0) & (depths_m >= least_m) & (depths_m <= most_m)]
    return float(np.median(valid_m)) if len(valid_m) else float('nan')


def _rounded(point: npt.NDArray[np.float64]) -> Position:
    return [round(float(value), 4) for value in point] if np.isfinite(point).all() else None
