"""Average the classes of one camera's frames while a parameter asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.temporal_smoothing import TemporalSmoother

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from std_msgs.msg import Header

    from rtformer_ros.engines.base import Engine
    from rtformer_ros.ros.frame_plan import FramePlan
    from rtformer_ros.segmentation import Segmentation


class CameraSmoothing:
    """The past of one camera; forgotten with another engine or another share of the past."""

    def __init__(self) -> None:
        """Start without a past."""
        self._smoother: TemporalSmoother | None = None
        self._made_for: tuple[Engine, float] | None = None

    def smooth(
        self,
        plan: FramePlan,
        image_hwc: npt.NDArray[np.uint8],
        result: Segmentation,
        header: Header,
    ) -> Segmentation:
        """
        Return the averaged result, or the result itself while nothing is to be averaged.

        image_hwc: RGB, uint8 [H, W, 3], what the network saw; result: of that size.
        """
        share = plan.settings.temporal_smoothing
        if share == 0.0:
            self._smoother = self._made_for = None
            return result
        wanted = (plan.segmenter.engine, share)
        if self._smoother is None or wanted != self._made_for:
            self._smoother, self._made_for = TemporalSmoother(share), wanted
        stamp_s = header.stamp.sec + 1e-9 * header.stamp.nanosec
        return self._smoother.smooth(image_hwc, result, stamp_s)
