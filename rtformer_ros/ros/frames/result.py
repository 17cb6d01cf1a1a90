"""Hold what has become of one frame, for the outputs to be made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rtformer_ros.drawing.rendering import Rendering
from rtformer_ros.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header

    from rtformer_ros.geometry.camera_pose import CameraPose
    from rtformer_ros.ros.frames.config import FramePlan
    from rtformer_ros.segmentation import Segmentation


def _no_pose() -> CameraPose:
    raise GeometryError('the camera has no pose: it was not asked for with this frame')


@dataclass(frozen=True)
class FrameResult:
    """
    One segmented frame.

    header: the image message's, for every output. plan: what it was made with. image_hwc: RGB,
    uint8 [h, w, 3]. segmentation: at the output size; its confidence is at that size only where
    an output that is made needs it. camera_info: the camera's calibration as it came, None where
    none has come. depth: the registered depth image that belongs to the frame, None for none.
    find_pose: returns where the camera is on the robot, or raises GeometryError.
    """

    header: Header
    plan: FramePlan
    image_hwc: npt.NDArray[np.uint8]
    segmentation: Segmentation
    camera_info: CameraInfo | None = None
    depth: Image | None = None
    find_pose: Callable[[], CameraPose] = _no_pose

    @cached_property
    def rendering(self) -> Rendering:
        """Return the frame's pictures; what several of them need is made once."""
        return Rendering(self.plan.render, self.image_hwc, self.segmentation)
