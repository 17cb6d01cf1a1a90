# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Table of converters: what turns a frame into the message of each topic of interface.topics."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid
from rtformer_ros.drawing.rendering import Rendering
from rtformer_ros.ros.input.camera_info import scaled_camera_info
from rtformer_ros.ros.interface.topics import COSTMAP, DETECTIONS, POINTS
from rtformer_ros.ros.output.costmap import CostmapConverter
from rtformer_ros.ros.output.coverage import CoverageConverter
from rtformer_ros.ros.output.detections import detections_type, make_detections
from rtformer_ros.ros.output.points import PointsConverter
from rtformer_ros.ros.output.regions import make_regions
from rtformer_ros.ros.output.scan import ScanConverter
from sensor_msgs.msg import CameraInfo, LaserScan, PointCloud2
from std_msgs.msg import String

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.ros.frames.result import FrameResult

    ConvertFrame = Callable[[FrameResult], Any]


@dataclass(frozen=True)
class ImageOutput:
    """Image topic: its encoding, and what draws it."""

    encoding: str
    draw: Callable[[Rendering, npt.NDArray[np.uint8]], None]


@dataclass(frozen=True)
class MessageOutput:
    """
    Topic of any other message that is made from a frame.

    message_type: its class, None where the package of it is not installed. new_converter: called
    once for each camera; returns the function that turns a frame into a message with the frame's
    header, which may keep what it likes from frame to frame. That raises GeometryError to tell
    why it cannot be made; the frame's other outputs are published all the same.
    """

    message_type: type | None
    new_converter: Callable[[], ConvertFrame]


def _new_camera_info_converter() -> ConvertFrame:
    def convert(frame: FrameResult) -> CameraInfo:
        height, width = frame.segmentation.size
        return scaled_camera_info(frame.camera_info, frame.header, height, width)

    return convert


IMAGE_OUTPUTS: Mapping[str, ImageOutput] = MappingProxyType(
    {
        'mask': ImageOutput('mono8', Rendering.mask),
        'color_mask': ImageOutput('rgb8', Rendering.color_mask),
        'overlay': ImageOutput('rgb8', Rendering.overlay),
        'confidence': ImageOutput('mono8', Rendering.confidence),
    }
)
MESSAGE_OUTPUTS: Mapping[str, MessageOutput] = MappingProxyType(
    {
        'camera_info': MessageOutput(CameraInfo, _new_camera_info_converter),
        COSTMAP: MessageOutput(OccupancyGrid, CostmapConverter),
        'scan': MessageOutput(LaserScan, ScanConverter),
        POINTS: MessageOutput(PointCloud2, PointsConverter),
        'regions': MessageOutput(String, lambda: make_regions),
        DETECTIONS: MessageOutput(detections_type(), lambda: make_detections),
        'coverage': MessageOutput(DiagnosticArray, CoverageConverter),
    }
)
