# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Result of a frame: what the output messages are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rtformer_ros.drawing.rendering import Rendering
from rtformer_ros.imaging.regions import find_regions, Regions

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtformer_ros.errors import GeometryError
    from rtformer_ros.geometry.camera_model import CameraModel
    from rtformer_ros.geometry.camera_pose import CameraPose
    from rtformer_ros.geometry.grids.fixed_frame import PlanarPose
    from rtformer_ros.geometry.ground_plane import GroundView
    from rtformer_ros.imaging.resize import Size
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.segmentation import Pixels, Segmentation
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header


@dataclass(frozen=True)
class FrameResult:
    """
    Result of one frame, with the calibration and pose of its camera.

    header: the image message's, for every output. config: what it was made with. read_image:
    returns image_hwc, RGB, uint8 [h, w, 3]; the first call may decode it. source: its height and
    width. segmentation: at the output size; its confidence is at that size only where
    an output that is made needs it. camera_info: the camera's calibration as it came, None where
    none has come. find_pose: returns where the camera is on the robot, or raises GeometryError.
    ground_view: returns the ground as the camera sees it; the camera's own cache, so that all
    outputs and frames of equal calibration and pose share one. robot_pose: where the robot's base
    frame was in costmap.frame, or why that is not known; None where nobody asks for it. depth:
    the registered depth image that belongs to the frame, None for none.
    """

    header: Header
    config: FrameConfig
    read_image: Callable[[], Pixels]
    source: Size
    segmentation: Segmentation
    camera_info: CameraInfo | None
    find_pose: Callable[[], CameraPose]
    ground_view: Callable[[CameraModel, CameraPose], GroundView]
    robot_pose: PlanarPose | GeometryError | None = None
    depth: Image | None = None

    @property
    def image_hwc(self) -> Pixels:
        """Return the frame as RGB."""
        return self.read_image()

    @cached_property
    def rendering(self) -> Rendering:
        """Return the frame's pictures; what several of them need is made once."""
        return Rendering(self.config.render, self.read_image, self.segmentation)

    @cached_property
    def regions(self) -> Regions:
        """Return the regions that the parameters ask for; several outputs tell them."""
        options, segmentation = self.config.settings.regions, self.segmentation
        return find_regions(
            segmentation.class_map_hw,
            segmentation.confidence_hw,
            self.config.region_ids,
            options.min_area * segmentation.class_map_hw.size,
            options.max_count,
        )
