"""Bring together what a projection onto the ground needs of a frame."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.ros.input.camera_info import camera_model
from rtformer_ros.segmentation import UNLABELED_ID

if TYPE_CHECKING:
    from rtformer_ros.geometry.camera_model import CameraModel
    from rtformer_ros.geometry.camera_pose import CameraPose
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.ros.frames.config import FramePlan
    from rtformer_ros.ros.frames.result import FrameResult


def find_ground_view(frame: FrameResult) -> GroundView:
    """
    Return the ground as the frame's camera sees it, for the size of its class map.

    Raises GeometryError where the camera's calibration or pose is missing or wrong.
    """
    source_height, source_width = frame.image_hwc.shape[:2]
    is_rectified = frame.plan.settings.camera.is_rectified
    model = camera_model(frame.camera_info, source_height, source_width, is_rectified)
    return _ground_view(model.scaled(*frame.segmentation.class_map_hw.shape), frame.find_pose())


# Costmap and scan of a frame share one, whose arrays take long to calculate.
@lru_cache(maxsize=1)
def _ground_view(model: CameraModel, pose: CameraPose) -> GroundView:
    return GroundView(model, pose)


def group_by_id(plan: FramePlan) -> dict[int, PlannerGroup]:
    """
    Return the planner group of each class that the plan's masks may hold.

    The unlabelled have none, so that no cost of 'other' makes them known, and no scan free.
    """
    return {each.class_id: each.group for each in plan.classes if each.class_id != UNLABELED_ID}
