"""Hold all that belongs to one camera: its input, its outputs, its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.ros.frames.next_frame import FrameTap
from rtformer_ros.ros.input.depth_input import DepthInput
from rtformer_ros.ros.input.image_input import CameraInput, Frame
from rtformer_ros.ros.node.camera_status import NO_SUBSCRIBER, PAUSED, CameraStatus
from rtformer_ros.ros.output.makers import POINTS
from rtformer_ros.ros.output.publishers import Outputs
from rtformer_ros.stream.rate_limit import RateLimit
from rtformer_ros.stream.statistics import FrameStatistics
from rtformer_ros.stream.temporal_smoothing import TemporalSmoother

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from std_msgs.msg import Header

    from rtformer_ros.engines.base import Engine
    from rtformer_ros.ros.frames.config import FramePlan
    from rtformer_ros.ros.interface.node_settings import CameraSettings
    from rtformer_ros.segmentation import Segmentation
    from rtformer_ros.stream.latest_queue import Mailbox


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


class Camera:
    """
    One camera of the node.

    name: '' for a camera whose topics are `image` and `~/mask`; else they are `NAME/image` and
    `~/NAME/mask`. is_paused: its frames are left out. tap: where somebody gets its next frame.
    """

    def __init__(
        self, node: Node, callback_group: CallbackGroup, name: str, settings: CameraSettings
    ) -> None:
        """Keep what is needed; nothing is offered before `offer`, or heard before `start`."""
        self.name = name
        self.is_paused = False
        self.tap = FrameTap()
        self.statistics = FrameStatistics()
        self.smoothing = CameraSmoothing()
        self.outputs = Outputs(node, name)
        self.input = CameraInput(node, callback_group, settings.input, self._accept, name)
        self.depth = DepthInput(node, callback_group, settings.input.depth, name)
        self._settings = settings
        self._rate_limit = RateLimit(settings.max_rate_hz)
        self._mailbox: Mailbox[Camera, Frame] | None = None

    @property
    def status(self) -> CameraStatus:
        """Return how things are now."""
        return CameraStatus(
            name=self.name,
            topic=self.input.topic,
            publisher_count=self.input.publisher_count,
            silent_s=self.input.silent_s,
            incompatible_policy=self.input.incompatible_policy,
            unserved_outputs=self.outputs.unserved_topics,
            idle=self._settings.lazy and not self.outputs.wanted(),
            is_paused=self.is_paused,
        )

    def offer(self, plan: FramePlan | None) -> None:
        """Offer the outputs."""
        self.outputs.configure(self._settings.output, plan)

    def start(self, mailbox: Mailbox[Camera, Frame]) -> None:
        """Subscribe; frames go to the mailbox."""
        self._mailbox = mailbox
        mailbox.admit(self)
        self.input.start()

    def stop(self) -> None:
        """Unsubscribe, and take back the frame that waits; harmless when nothing is subscribed."""
        self.input.stop()
        self.depth.stop()
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.dismiss(self)

    def close(self) -> None:
        """Unsubscribe and withdraw the outputs."""
        self.stop()
        self.outputs.close()

    def configure(self, settings: CameraSettings) -> None:
        """Take other settings for input and rate; `offer` puts those of the outputs in force."""
        self.input.configure(settings.input)
        self.depth.configure(settings.input.depth)
        if settings.max_rate_hz != self._settings.max_rate_hz:
            self._rate_limit = RateLimit(settings.max_rate_hz)
        self._settings = settings

    def follow_graph(self) -> None:
        """Look whether publishers and subscribers still fit; call it about once a second."""
        self.input.follow_publishers()
        self.outputs.check_subscribers()
        self.depth.follow(self._mailbox is not None and POINTS in self.outputs.wanted())

    def _accept(self, frame: Frame) -> None:
        mailbox = self._mailbox
        if mailbox is None:
            return
        self.statistics.received()
        cause = self._why_not(frame)
        if cause:
            self.statistics.dropped(cause)
        elif mailbox.put(self, frame):
            self.statistics.dropped('newer frame')

    def _why_not(self, frame: Frame) -> str:
        """Return why a frame is left out, '' where it is not."""
        if self.is_paused:
            return PAUSED
        if self.tap.is_open:
            return ''
        if self._settings.lazy and not self.outputs.wanted():
            return NO_SUBSCRIBER
        return '' if self._rate_limit.allows(frame.received_s) else 'rate limit'
