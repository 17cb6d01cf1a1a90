"""Segment frames one after the other, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from rclpy.time import Time
from sensor_msgs.msg import CompressedImage

from rtformer_ros.errors import EngineClosed, EngineError, ImageError, RtformerError
from rtformer_ros.frame_statistics import FrameStatistics, StageClock
from rtformer_ros.rendering import Rendering
from rtformer_ros.ros.camera_input import Frame
from rtformer_ros.ros.image_messages import decode_compressed_message, decode_message

if TYPE_CHECKING:
    from rclpy.node import Node
    from sensor_msgs.msg import CameraInfo
    from std_msgs.msg import Header

    from rtformer_ros.ros.frame_plan import FramePlan, PlanSlot
    from rtformer_ros.ros.mailbox import Mailbox
    from rtformer_ros.ros.outputs import Outputs

_LOG_PERIOD_S = 5.0
# Beyond this the stamp is not of this machine's clock (a bag, an unsynchronised camera).
_PLAUSIBLE_AGE_MS = 60_000.0


class FrameWorker:
    """
    Takes frames from a mailbox until that is closed; no frame's failure ends it.

    `engine_error` is the message of the engine's last failure, '' after a frame that went well.
    """

    def __init__(
        self,
        node: Node,
        mailbox: Mailbox[Frame],
        slot: PlanSlot,
        outputs: Outputs,
        find_camera_info: Callable[[Header], CameraInfo | None],
        statistics: FrameStatistics,
    ) -> None:
        """Start the thread."""
        self._node = node
        self._mailbox = mailbox
        self._slot = slot
        self._outputs = outputs
        self._find_camera_info = find_camera_info
        self._statistics = statistics
        self.engine_error = ''
        # A daemon: an engine that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name='frame_worker', daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Close the mailbox and wait; returns whether the thread ended in time."""
        self._mailbox.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (frame := self._mailbox.take()) is not None:
            with self._slot.in_use() as plan:
                if plan is not None:
                    self._survive(frame, plan)

    def _survive(self, frame: Frame, plan: FramePlan) -> None:
        """Make one frame; whatever goes wrong is logged, counted and over."""
        try:
            self._make(frame, plan)
        except EngineClosed:
            self._statistics.dropped('stopped')
        except ImageError as error:
            self._note_failure('malformed', str(error))
        except RtformerError as error:
            if isinstance(error, EngineError):
                self.engine_error = str(error)
            self._note_failure('failed', str(error))
        except Exception as error:  # noqa: BLE001  the node outlives every frame
            self._note_failure('failed', f'{type(error).__name__}: {error}')

    def _make(self, frame: Frame, plan: FramePlan) -> None:
        clock = StageClock(frame.received_s)
        clock.lap('wait')
        wanted = self._outputs.wanted()
        message = frame.message
        if isinstance(message, CompressedImage):
            image_hwc = decode_compressed_message(message)
        else:
            image_hwc = decode_message(message)
        clock.lap('convert')
        segmenter = plan.segmenter
        network_image_hwc = segmenter.preprocess(image_hwc)
        clock.lap('preprocess')
        batch = segmenter.infer(network_image_hwc)
        clock.lap('infer')
        self.engine_error = ''
        size = (image_hwc.shape[0], image_hwc.shape[1])
        segmentation = segmenter.postprocess(batch, size, with_confidence='confidence' in wanted)
        clock.lap('postprocess')
        self._outputs.publish(
            message.header,
            Rendering(plan.render, image_hwc, segmentation),
            plan.render.jpeg_quality,
            wanted,
            self._find_camera_info(message.header),
        )
        clock.lap('publish')
        self._statistics.segmented(clock.stages_ms, self._age_ms(message.header))

    def _age_ms(self, header: Header) -> float | None:
        stamp = Time.from_msg(header.stamp)
        age_ms = (self._node.get_clock().now().nanoseconds - stamp.nanoseconds) / 1e6
        return age_ms if 0.0 <= age_ms <= _PLAUSIBLE_AGE_MS else None

    def _note_failure(self, cause: str, error: str) -> None:
        # The log first: who sees the count on the diagnostics finds the reason there.
        self._node.get_logger().error(
            f'dropped a frame ({cause}): {error}', throttle_duration_sec=_LOG_PERIOD_S
        )
        self._statistics.failed(cause, error)
