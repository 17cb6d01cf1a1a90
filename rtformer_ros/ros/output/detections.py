# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Converter for ~/detections: regions of classes as a vision_msgs/Detection2DArray."""

from __future__ import annotations

from typing import Any, TYPE_CHECKING

from rtformer_ros.ros.output.regions import locate_regions

if TYPE_CHECKING:
    from rtformer_ros.imaging.regions import ClassRegion
    from rtformer_ros.ros.frames.result import FrameResult


def detections_type() -> type | None:
    """Return vision_msgs/Detection2DArray, None where vision_msgs is not installed."""
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError:
        return None
    found: type = Detection2DArray
    return found


def make_detections(frame: FrameResult) -> Any:
    """
    Return the regions of a frame as boxes; needs vision_msgs.

    class_id is the name of the class, score the mean confidence. The pose is that of the region's
    middle in the optical frame where there is depth, else all zeros.

    Source: vision_msgs/msg/Detection2D.msg of vision_msgs 4.
    """
    from vision_msgs.msg import Detection2DArray

    located = locate_regions(frame)
    names = {each.class_id: each.name for each in frame.config.classes}
    message = Detection2DArray(header=frame.header)
    for region, position in zip(located.found.regions, located.positions, strict=True):
        message.detections.append(_detection(frame, region, names[region.class_id], position))
    return message


def _detection(
    frame: FrameResult, region: ClassRegion, name: str, position: list[float] | None
) -> Any:
    from vision_msgs.msg import Detection2D, ObjectHypothesisWithPose

    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id = name
    result.hypothesis.score = region.confidence
    if position is not None:
        place = result.pose.pose.position
        place.x, place.y, place.z = position
        result.pose.pose.orientation.w = 1.0
    detection = Detection2D(header=frame.header, results=[result])
    x, y, width, height = region.box
    detection.bbox.center.position.x = x + (width - 1) / 2
    detection.bbox.center.position.y = y + (height - 1) / 2
    detection.bbox.size_x, detection.bbox.size_y = float(width), float(height)
    return detection
