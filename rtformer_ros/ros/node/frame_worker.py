# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Worker thread: segments the frames of all cameras, one batch after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
import threading
import time
from typing import TYPE_CHECKING

from rtformer_ros.errors import (
    EngineClosed,
    EngineError,
    GeometryError,
    ImageError,
    RtformerError,
    shown,
)
from rtformer_ros.geometry.grids.fixed_frame import PlanarPose
from rtformer_ros.ros.frames.next_frame import CapturedFrame
from rtformer_ros.ros.frames.result import FrameResult
from rtformer_ros.ros.input.camera_pose import CameraPoseSource
from rtformer_ros.ros.input.image_messages import decode_compressed_message, decode_message
from rtformer_ros.ros.input.stamp import stamp_ns
from rtformer_ros.ros.interface.topics import COSTMAP, need_confidence, POINTS
from rtformer_ros.stream.batch_gain import BatchGain
from rtformer_ros.stream.message_throttle import MessageThrottle
from rtformer_ros.stream.statistics import StageClock
from sensor_msgs.msg import CompressedImage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.engines.base import EngineDescription
    from rtformer_ros.ros.frames.config import CurrentConfig, FrameConfig
    from rtformer_ros.ros.input.image_input import ReceivedImage
    from rtformer_ros.ros.input.transforms import TransformSource
    from rtformer_ros.ros.interface.settings import FrameSettings
    from rtformer_ros.ros.node.camera import Camera
    from rtformer_ros.ros.node.managed_node import ManagedNode
    from rtformer_ros.segmentation import Segmentation
    from rtformer_ros.stream.latest_queue import LatestQueue
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

_LOG_PERIOD_S = 5.0
_MOST_IN_PERIOD = 10
_MOST_CHARACTERS = 500
# Beyond this the stamp is not of this machine's clock (a bag, an unsynchronised camera).
_PLAUSIBLE_AGE_MS = 60_000.0


@dataclass(frozen=True)
class _Job:
    """Frame in the worker: whose it is, its pixels as they came and at the network's size."""

    camera: Camera
    message: Image | CompressedImage
    wanted: frozenset[str]
    image_hwc: npt.NDArray[np.uint8]
    network_image_hwc: npt.NDArray[np.uint8]
    clock: StageClock
    depth: Image | None

    @property
    def encoding(self) -> str:
        """Return how the message holds its pixels."""
        message = self.message
        return message.format if isinstance(message, CompressedImage) else message.encoding


class FrameWorker:
    """
    Worker thread that takes frames from a queue until that is closed; no frame's failure ends it.

    Frames of several cameras are inferred as one batch where that is quicker than one by one,
    which is measured. `engine_error` is the message of the engine's last failure, ''
    after a frame that went well; `busy_s` the time since the start that went into frames; `runs`
    how often the engine ran.
    """

    def __init__(
        self,
        node: ManagedNode,
        queue: LatestQueue[Camera, ReceivedImage],
        current: CurrentConfig,
        batch_wait_s: float,
        transforms: TransformSource,
    ) -> None:
        """
        Start the thread.

        batch_wait_s: how long a frame waits for those of other cameras where that pays; it may be
        changed at any time. transforms: the worker's to close.
        """
        self._node = node
        self._queue = queue
        self._current = current
        self.batch_wait_s = batch_wait_s
        self.engine_error = ''
        self.busy_s = 0.0
        self.runs = 0
        self._transforms = transforms
        self._poses = CameraPoseSource(transforms)
        self._throttle = MessageThrottle(_LOG_PERIOD_S, _MOST_IN_PERIOD)
        self._gain = BatchGain()
        self._gain_is_of: EngineDescription | None = None
        # A daemon: an engine that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name='frame_worker', daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Close the queue and wait; returns whether the thread ended in time."""
        self._queue.close()
        self._thread.join(timeout_s)
        self._transforms.close()
        return not self._thread.is_alive()

    def _work(self) -> None:
        while frames := self._queue.get(self._most(), self.batch_wait_s):
            started_s = time.monotonic()
            with self._current.in_use() as config:
                if config is not None:
                    self._make(frames, config)
            self.busy_s += time.monotonic() - started_s

    def _most(self) -> int:
        """Return how many frames the next run should take."""
        return len(self._queue) if self._gain.pays else 1

    def _make(self, frames: list[tuple[Camera, ReceivedImage]], config: FrameConfig) -> None:
        """Make one frame of each camera; whatever goes wrong is logged and counted."""
        jobs: list[_Job] = []
        for camera, frame in frames:
            with self._survived(camera):
                jobs.append(_prepare(camera, frame, config, len(jobs)))
        if len(jobs) > 1 and self._segment_together(jobs, config):
            return
        for job in jobs:
            with self._survived(job.camera):
                self._segment([job], config)

    def _segment_together(self, jobs: list[_Job], config: FrameConfig) -> bool:
        """Return whether it went well; a frame of one camera must not cost the others theirs."""
        try:
            self._segment(jobs, config)
        except Exception:  # noqa: BLE001  it comes again, and is logged, with its frame
            return False
        return True

    def _segment(self, jobs: list[_Job], config: FrameConfig) -> None:
        """Run the engine once and publish what it returns; raises what the engine does."""
        for job in jobs:
            job.clock.lap('wait')
        started_s = time.monotonic()
        batch = config.segmenter.infer(*(job.network_image_hwc for job in jobs))
        run_ms = (time.monotonic() - started_s) * 1e3
        for job in jobs:
            job.clock.lap('infer')
        self.engine_error = ''
        self.runs += 1
        self._note_run(config.engine.description, len(jobs), run_ms)
        for index, job in enumerate(jobs):
            with self._survived(job.camera):
                self._publish(job, batch[index], config)

    def _publish(self, job: _Job, inferred: Segmentation, config: FrameConfig) -> None:
        camera, clock, header = job.camera, job.clock, job.message.header
        clock.lap('wait')
        size = (job.image_hwc.shape[0], job.image_hwc.shape[1])
        smoothed = camera.smooth(config, job.network_image_hwc, inferred, header)
        segmentation = config.segmenter.postprocess(
            smoothed, size, with_confidence=need_confidence(job.wanted)
        )
        clock.lap('postprocess')
        settings = config.settings
        frame = FrameResult(
            header=header,
            config=config,
            image_hwc=job.image_hwc,
            segmentation=segmentation,
            camera_info=camera.calibration(header),
            find_pose=partial(
                self._poses.pose, settings.camera, settings.base_frame, header.frame_id
            ),
            ground_view=camera.ground_view,
            robot_pose=self._robot_pose(job, settings),
        )
        camera.publish(frame, job.wanted, job.depth)
        clock.lap('publish')
        camera.complete(CapturedFrame(frame, job.encoding, clock.stages_ms), self._age_ms(header))

    def _robot_pose(self, job: _Job, settings: FrameSettings) -> PlanarPose | GeometryError | None:
        """Return where the robot was; it may wait for TF, so not while an output is locked."""
        fixed_frame = settings.costmap.frame
        if not fixed_frame or COSTMAP not in job.wanted:
            return None
        try:
            found = self._transforms.at_stamp(fixed_frame, settings.base_frame, job.message.header)
            return PlanarPose.from_quaternion(found.position_m, found.quaternion_xyzw)
        except GeometryError as error:
            return error

    def _note_run(self, engine: EngineDescription, images: int, run_ms: float) -> None:
        if engine is not self._gain_is_of:
            self._gain, self._gain_is_of = BatchGain(), engine
        self._gain.note(images, run_ms)

    def _age_ms(self, header: Header) -> float | None:
        age_ms = (self._node.get_clock().now().nanoseconds - stamp_ns(header)) / 1e6
        return age_ms if 0.0 <= age_ms <= _PLAUSIBLE_AGE_MS else None

    @contextmanager
    def _survived(self, camera: Camera) -> Iterator[None]:
        """Log and count what goes wrong with a camera's frame."""
        try:
            yield
        except EngineClosed:
            camera.drop('stopped')
        except ImageError as error:
            self._note_failure(camera, 'malformed', str(error))
        except RtformerError as error:
            if isinstance(error, EngineError):
                self.engine_error = str(error)
            self._note_failure(camera, 'failed', str(error))
        except Exception as error:  # noqa: BLE001  the node outlives every frame
            self._node.keep_error('frame', error)
            self._note_failure(camera, 'failed', f'{type(error).__name__}: {error}')

    def _note_failure(self, camera: Camera, cause: str, error: str) -> None:
        # The log first: who sees the count on the diagnostics finds the reason there.
        whose = f' of camera {camera.name}' if camera.name else ''
        # What came from a peer is in it, shortened where it was quoted; this is for all the rest.
        error = shown(error, _MOST_CHARACTERS)
        message = f'dropped a frame{whose} ({cause}): {error}'
        if self._throttle.is_due(message):
            self._node.get_logger().error(message)
        camera.fail(cause, error)


def _prepare(camera: Camera, frame: ReceivedImage, config: FrameConfig, index: int) -> _Job:
    """Bring a frame to the network's size; raises ImageError for one that cannot be read."""
    clock = StageClock(frame.received_s)
    clock.lap('wait')
    wanted, message = camera.wanted(), frame.message
    settings = config.settings
    if isinstance(message, CompressedImage):
        decoded = decode_compressed_message(message, settings.max_image_pixels)
    else:
        decoded = decode_message(
            message, settings.max_image_pixels, settings.channel_order, camera.topic
        )
    camera.note_doubt(decoded.doubt)
    image_hwc = decoded.image_hwc
    clock.lap('convert')
    network_image_hwc = config.segmenter.preprocess(image_hwc, index)
    clock.lap('preprocess')
    # It may be forgotten when a slow engine is done with the image.
    depth = camera.find_depth(message.header) if POINTS in wanted else None
    return _Job(camera, message, wanted, image_hwc, network_image_hwc, clock, depth)
