# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Camera of the node: its subscriptions, publishers and statistics."""

from __future__ import annotations

from dataclasses import replace
import time
from typing import TYPE_CHECKING

from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.ros.frames.next_frame import CapturedFrame, NextFrame
from rtformer_ros.ros.input.depth_input import DepthInput
from rtformer_ros.ros.input.image_hint import HINT_AFTER_S, Reminder
from rtformer_ros.ros.input.image_input import CameraInput, ReceivedImage
from rtformer_ros.ros.input.stamp import stamp_s
from rtformer_ros.ros.interface.topics import reading_depth
from rtformer_ros.ros.node.camera_status import CameraStatus, NO_SUBSCRIBER, PAUSED
from rtformer_ros.ros.output.publishers import Outputs
from rtformer_ros.stream.cached import Cached
from rtformer_ros.stream.rate_limit import RateLimit
from rtformer_ros.stream.statistics import Statistics, StatisticsCollector
from rtformer_ros.stream.temporal_smoothing import TemporalSmoother

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    import numpy as np
    import numpy.typing as npt
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rtformer_ros.engines.base import Engine
    from rtformer_ros.imaging.roi import Roi
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.frames.result import FrameResult
    from rtformer_ros.ros.interface.settings import CameraSettings
    from rtformer_ros.ros.output.fused_costmap import FusedCostmap
    from rtformer_ros.segmentation import Segmentation
    from rtformer_ros.stream.latest_queue import LatestQueue
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header

# Of one camera; a publisher may write another description into each message.
_MOST_DOUBTS = 8


class Camera:
    """
    Camera of the node: what the callbacks, the worker and the services ask of it.

    name: '' for a camera whose topics are `image` and `~/mask`; else they are `NAME/image` and
    `~/NAME/mask`. is_paused: its frames are left out. ground_view: cache of the ground as it sees
    it, by calibration and pose, which all its outputs share.
    """

    def __init__(
        self,
        node: Node,
        callback_group: CallbackGroup,
        name: str,
        settings: CameraSettings,
        fused_costmap: FusedCostmap | None = None,
    ) -> None:
        """
        Keep what is needed; nothing is published before `offer`, or received before `start`.

        fused_costmap: what its costmaps are a part of, too.
        """
        self.name = name
        self.is_paused = False
        self.ground_view = Cached(GroundView)
        self._settings = settings
        self._outputs = Outputs(node, name, fused_costmap)
        self._input = CameraInput(node, callback_group, settings.input, self._accept, name)
        self._depth = DepthInput(node, callback_group, settings.input.depth, name)
        self._rate_limit = RateLimit(settings.max_rate_hz)
        self._statistics = StatisticsCollector()
        self._smoother = Cached(_new_smoother)
        self._next_frame = NextFrame()
        self._logger = node.get_logger()
        self._reminder = Reminder()
        self._image_hint = ''
        self._doubts: set[str] = set()
        self._queue: LatestQueue[Camera, ReceivedImage] | None = None

    @property
    def topic(self) -> str:
        """Return the full name of the image topic."""
        return self._input.topic

    @property
    def status(self) -> CameraStatus:
        """Return how things are now."""
        return CameraStatus(
            name=self.name,
            topic=self.topic,
            publisher_count=self._input.publisher_count,
            silent_s=self._input.silent_s,
            waited_s=self._input.waited_s,
            incompatible_policy=self._input.incompatible_policy,
            image_hint=self._image_hint,
            unserved_outputs=self._outputs.unserved_topics,
            idle=self._input.is_resting,
            is_paused=self.is_paused,
        )

    @property
    def statistics(self) -> Statistics:
        """Return the statistics of its frames as they are now."""
        return self._statistics.statistics()

    # ---- life -------------------------------------------------------------------------------

    def offer(self, config: FrameConfig | None) -> None:
        """Offer the outputs."""
        self._outputs.configure(self._settings.output, config)

    def start(self, queue: LatestQueue[Camera, ReceivedImage]) -> None:
        """Let frames go to the queue; subscribe, or rest until somebody wants a frame."""
        self._queue = queue
        queue.add_source(self)
        self._input.start(listens=self._has_demand())

    def stop(self) -> None:
        """Unsubscribe, and discard the frame that waits; harmless when nothing is subscribed."""
        self._input.stop()
        self._depth.stop()
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.remove_source(self)

    def forget(self) -> None:
        """
        Forget what was kept from frame to frame; call it when no more frames are made.

        Projections alone may take some megabytes, which a node that rests gives back.
        """
        self._outputs.forget()
        self.forget_past()
        self.ground_view.clear()

    def close(self) -> None:
        """Unsubscribe, withdraw the outputs, and forget what was kept for them."""
        self.stop()
        self._outputs.close()
        self.forget()

    def configure(self, settings: CameraSettings) -> None:
        """Take other settings for input and rate; `offer` applies those of the outputs."""
        self._input.configure(settings.input)
        self._depth.configure(settings.input.depth)
        if settings.max_rate_hz != self._settings.max_rate_hz:
            self._rate_limit = RateLimit(settings.max_rate_hz)
        self._settings = settings

    @property
    def publishers(self) -> list[Publisher]:
        """Return the publishers of its outputs."""
        return self._outputs.publishers

    @property
    def is_resting(self) -> bool:
        """Return whether it receives no image because nobody wants one."""
        return self._input.is_resting

    def wake(self) -> None:
        """Receive images again if somebody wants one by now."""
        if self._has_demand():
            self._input.listen()

    def _has_demand(self) -> bool:
        return not self._settings.lazy or self._next_frame.is_requested or self._outputs.is_wanted

    def follow_graph(self) -> None:
        """Check whether publishers and subscribers still fit; call it about once a second."""
        if self._has_demand():
            self._input.listen()
        else:
            self._input.rest()
        self._input.follow_publishers()
        self._outputs.check_subscribers()
        self._depth.follow(self._queue is not None and bool(reading_depth(self.wanted())))
        self._look_for_image()

    def _look_for_image(self) -> None:
        """Say what is wrong where no image comes."""
        waited_s = self._input.waited_s
        self._image_hint = self._input.hint() if waited_s >= HINT_AFTER_S else ''
        if self._image_hint and self._reminder.is_due(time.monotonic(), waited_s):
            self._logger.warning(f'no image for {waited_s:.0f} s: {self.status.input_warning}')

    # ---- a frame's way ----------------------------------------------------------------------

    def wanted(self) -> frozenset[str]:
        """Return the topics that have a subscriber and need a frame."""
        return self._outputs.wanted()

    def find_depth(self, header: Header) -> Image | None:
        """Return the depth image nearest in stamp that has come, None where none is near."""
        return self._depth.find(header)

    def calibration(self, header: Header) -> CameraInfo | None:
        """Return the calibration with the image's stamp, else the newest, else None."""
        return self._input.calibration(header)

    def smooth(
        self,
        config: FrameConfig,
        image_hwc: npt.NDArray[np.uint8],
        result: Segmentation,
        header: Header,
    ) -> Segmentation:
        """
        Return the average with past frames, or the result itself where nothing is averaged.

        The past is forgotten with another engine, share of the past or region of interest.
        image_hwc: RGB, uint8 [H, W, 3], what the network saw; result: of that size.
        """
        share = config.settings.temporal_smoothing
        if share == 0.0:
            self._smoother.clear()
            return result
        smoother = self._smoother(config.engine, share, config.settings.roi)
        return smoother.smooth(image_hwc, result, stamp_s(header))

    def forget_past(self) -> None:
        """Forget the frames of which an average was made."""
        self._smoother.clear()

    def publish(self, frame: FrameResult, wanted: AbstractSet[str], depth: Image | None) -> None:
        """
        Publish a frame on the wanted topics that are offered.

        depth: what `find_depth` returned when the frame came. Raises ImageError when a picture
        cannot be packed.
        """
        late = reading_depth(wanted)
        self._outputs.publish(frame, wanted - late)
        if late:
            # Last, and with no lock held: the others do not wait for a depth image to come.
            nearest = self._depth.wait_for(frame.header, depth)
            self._outputs.publish(replace(frame, depth=nearest), late)

    def complete(self, frame: CapturedFrame, stamp_age_ms: float | None) -> None:
        """Hand a published frame to whoever requested the next one, and count it."""
        self._next_frame.set(frame)
        self._statistics.segmented(frame.stages_ms, stamp_age_ms)

    def drop(self, cause: str) -> None:
        """Count a frame that was left out for that cause."""
        self._statistics.dropped(cause)

    def fail(self, cause: str, error: str) -> None:
        """Count a frame that an error ended, and remember the error."""
        self._statistics.failed(cause, error)

    def note_doubt(self, doubt: str) -> None:
        """Log what of the images' description does not fit, '' for nothing: each once."""
        if doubt and doubt not in self._doubts and len(self._doubts) < _MOST_DOUBTS:
            self._doubts.add(doubt)
            self._logger.warning(f'images of {self.topic}: {doubt}')

    def request_frame(self) -> None:
        """Request the next frame, also where nobody subscribes to an output."""
        self._next_frame.request()
        self._input.listen()

    def wait_for_frame(self, timeout_s: float) -> CapturedFrame | None:
        """Return the frame that was requested; None if there is none in time."""
        return self._next_frame.wait(timeout_s)

    # ---- received ---------------------------------------------------------------------------

    def _accept(self, frame: ReceivedImage) -> None:
        queue = self._queue
        if queue is None:
            return
        self._statistics.received()
        cause = self._why_not(frame)
        if cause:
            self.drop(cause)
            return
        self._depth.take_arrived()
        if queue.put(self, frame):
            self.drop('newer frame')

    def _why_not(self, frame: ReceivedImage) -> str:
        """Return why a frame is left out, '' where it is not."""
        if self.is_paused:
            return PAUSED
        if self._next_frame.is_requested:
            return ''
        if self._settings.lazy and not self._outputs.is_wanted:
            return NO_SUBSCRIBER
        return '' if self._rate_limit.allows(frame.received_s) else 'rate limit'


def _new_smoother(engine: Engine, share: float, roi: Roi | None) -> TemporalSmoother:
    """Return one without a past; it averages results of that engine and region, and no other's."""
    del engine, roi
    return TemporalSmoother(share)
