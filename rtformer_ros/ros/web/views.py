# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Views of a camera: what the page can show as a picture, and how a message becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TYPE_CHECKING

import cv2
from nav_msgs.msg import OccupancyGrid
import numpy as np
from rclpy.serialization import deserialize_message
from rtformer_ros.drawing.class_colors import colorize
from rtformer_ros.drawing.ground_picture import CostGrid, draw_costs, mark_metres
from rtformer_ros.drawing.planner_picture import ground_window
from rtformer_ros.errors import GeometryError, ImageError, quoted
from rtformer_ros.imaging.codecs import encode_jpeg
from rtformer_ros.imaging.resize import scale_image
from rtformer_ros.ros.input.image_messages import decode_compressed_message, decode_message
from sensor_msgs.msg import CompressedImage, Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rtformer_ros.segmentation import Pixels

_MOST_CELLS, _MOST_M = 10_000_000, 10_000.0


@dataclass(frozen=True)
class CameraView:
    """
    What the page can show of a camera.

    topic: under ~/, '' for the camera's own. draw: returns the picture, uint8 [H, W, 3] RGB, of a
    message and the colours of the classes, uint8 [256, 3]; raises ImageError or GeometryError.
    """

    topic: str
    kind: type
    draw: Callable[[Any, Pixels], Pixels]


def _image(message: Image, palette: Pixels) -> Pixels:
    del palette
    return decode_message(message).image_hwc


def _camera(message: Image | CompressedImage, palette: Pixels) -> Pixels:
    if isinstance(message, CompressedImage):
        return decode_compressed_message(message).image_hwc
    return _image(message, palette)


def _mask(message: Image, palette: Pixels) -> Pixels:
    return colorize(plane(message), palette)


def _confidence(message: Image, palette: Pixels) -> Pixels:
    del palette
    colors_bgr = cv2.applyColorMap(plane(message), cv2.COLORMAP_VIRIDIS)
    return cv2.cvtColor(colors_bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _costmap(message: OccupancyGrid, palette: Pixels) -> Pixels:
    del palette
    info = message.info
    cells = info.height * info.width
    if not 0 < cells <= _MOST_CELLS or len(message.data) != cells:
        raise GeometryError(
            f'a costmap of {info.width} x {info.height} cells with {len(message.data)} costs; '
            f'expected 1 to {_MOST_CELLS}, with a cost for each'
        )
    height_m, width_m = info.height * info.resolution, info.width * info.resolution
    if not 0 < max(height_m, width_m) <= _MOST_M:
        raise GeometryError(
            f'a costmap in cells of {info.resolution:g} m; expected more than 0, and at most '
            f'{_MOST_M:g} m a side'
        )
    costs_hw = np.array(message.data, np.int8).reshape(info.height, info.width)
    # Seen from its middle, where the robot is: in a fixed frame the corner may be anywhere.
    grid = CostGrid(costs_hw, info.resolution, (-width_m / 2, -height_m / 2))
    window = ground_window(grid)
    picture = draw_costs(grid, window)
    mark_metres(picture, window)
    return picture


VIEWS: Mapping[str, CameraView] = MappingProxyType(
    {
        'overlay': CameraView('overlay', Image, _image),
        'mask': CameraView('mask', Image, _mask),
        'camera': CameraView('', Image, _camera),
        'confidence': CameraView('confidence', Image, _confidence),
        'costmap': CameraView('costmap', OccupancyGrid, _costmap),
    }
)


def plane(message: Image) -> Pixels:
    """Return a mono8 message as uint8 [H, W]; raises ImageError for any other."""
    height, width, step = message.height, message.width, message.step
    is_whole = 0 < width <= step and len(message.data) >= height * step > 0
    if message.encoding != 'mono8' or not is_whole:
        raise ImageError(
            f'an image {quoted(message.encoding)} of {width} x {height} pixels with '
            f'{len(message.data)} bytes; expected mono8 with a byte for each pixel'
        )
    pixels = np.frombuffer(message.data, np.uint8, height * step).reshape(height, step)
    return np.ascontiguousarray(pixels[:, :width])


def draw_jpeg(
    view: CameraView, kind: type, data: bytes, palette: Pixels, most_width: int, quality: int
) -> bytes:
    """
    Return the picture of a serialised message as JPEG, at most so wide.

    kind: the class of the message. Raises ImageError or GeometryError for one that has none.
    """
    picture = view.draw(deserialize_message(data, kind), palette)
    height, width = picture.shape[:2]
    if width > most_width:
        picture = scale_image(picture, max(1, round(height * most_width / width)), most_width)
    return encode_jpeg(picture, quality).tobytes()
