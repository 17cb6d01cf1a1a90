# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ground view of a frame: its camera's calibration and pose, projected onto the ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.ros.input.camera_info import camera_model

if TYPE_CHECKING:
    from rtformer_ros.geometry.ground_plane import GroundView
    from rtformer_ros.ros.frames.result import FrameResult


def find_ground_view(frame: FrameResult) -> GroundView:
    """
    Return the ground as the frame's camera sees it, for the size of its class map.

    Raises GeometryError where the camera's calibration or pose is missing or wrong.
    """
    source_height, source_width = frame.source
    is_rectified = frame.config.settings.camera.is_rectified
    model = camera_model(frame.camera_info, source_height, source_width, is_rectified)
    scaled = model.scaled(*frame.segmentation.size)
    return frame.ground_view(scaled, frame.find_pose())
