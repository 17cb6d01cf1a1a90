# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Worker thread: segments the frames of all cameras, one batch after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
from rtformer_ros.ros.input.stamp import stamp_ns
from rtformer_ros.ros.interface.topics import COSTMAP, need_confidence, pictures_of
from rtformer_ros.ros.node.frame_job import FrameJob, prepare_job
from rtformer_ros.stream.batch_gain import BatchGain
from rtformer_ros.stream.message_throttle import MessageThrottle

if TYPE_CHECKING:
    from rtformer_ros.engines.base import EngineDescription
    from rtformer_ros.ros.frames.config import CurrentConfig, FrameConfig
    from rtformer_ros.ros.input.image_input import ReceivedImage
    from rtformer_ros.ros.input.transforms import TransformSource
    from rtformer_ros.ros.interface.settings import FrameSettings
    from rtformer_ros.ros.node.camera import Camera
    from rtformer_ros.ros.node.managed_node import ManagedNode
    from rtformer_ros.segmentation import Segmentation
    from rtformer_ros.stream.latest_queue import LatestQueue
    from std_msgs.msg import Header

_LOG_PERIOD_S = 5.0
_MOST_IN_PERIOD = 10
_MOST_CHARACTERS = 500
# Beyond this the stamp is not of this machine's clock (a bag, an unsynchronised camera).
_PLAUSIBLE_AGE_MS = 60_000.0


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
        jobs: list[FrameJob] = []
        for camera, frame in frames:
            with self._survived(camera):
                job = prepare_job(camera, frame, config, len(jobs))
                if job.network_image_hwc is None:
                    self._segment_frame(job, config)
                else:
                    jobs.append(job)
        if len(jobs) > 1 and self._segment_together(jobs, config):
            return
        for job in jobs:
            with self._survived(job.camera):
                self._segment([job], config)

    def _segment_frame(self, job: FrameJob, config: FrameConfig) -> None:
        """Run the engine on a frame as it came and publish; raises what the engine does."""
        assert job.planes is not None
        job.clock.lap('wait')
        segmentation = config.segmenter.segment_frame(
            job.encoding,
            job.planes,
            job.source,
            with_confidence=need_confidence(job.wanted),
            pictures=pictures_of(job.wanted),
            painting=config.painting,
        )
        job.clock.lap('infer')
        self.engine_error = ''
        self.runs += 1
        job.camera.forget_past()
        self._publish(job, segmentation, config)

    def _segment_together(self, jobs: list[FrameJob], config: FrameConfig) -> bool:
        """Return whether it went well; a frame of one camera must not cost the others theirs."""
        try:
            self._segment(jobs, config)
        except Exception:  # noqa: BLE001  it comes again, and is logged, with its frame
            return False
        return True

    def _segment(self, jobs: list[FrameJob], config: FrameConfig) -> None:
        """Run the engine once and publish what it returns; raises what the engine does."""
        for job in jobs:
            job.clock.lap('wait')
        started_s = time.monotonic()
        images = [job.network_image_hwc for job in jobs if job.network_image_hwc is not None]
        batch = config.segmenter.infer(*images)
        run_ms = (time.monotonic() - started_s) * 1e3
        for job in jobs:
            job.clock.lap('infer')
        self.engine_error = ''
        self.runs += 1
        self._note_run(config.engine.description, len(jobs), run_ms)
        for index, (job, image_hwc) in enumerate(zip(jobs, images, strict=True)):
            with self._survived(job.camera):
                job.clock.lap('wait')
                smoothed = job.camera.smooth(config, image_hwc, batch[index], job.message.header)
                segmentation = config.segmenter.postprocess(
                    smoothed, job.source, with_confidence=need_confidence(job.wanted)
                )
                self._publish(job, segmentation, config)

    def _publish(self, job: FrameJob, segmentation: Segmentation, config: FrameConfig) -> None:
        camera, clock, header = job.camera, job.clock, job.message.header
        clock.lap('postprocess')
        settings = config.settings
        frame = FrameResult(
            header=header,
            config=config,
            read_image=job.read_image,
            source=job.source,
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

    def _robot_pose(
        self, job: FrameJob, settings: FrameSettings
    ) -> PlanarPose | GeometryError | None:
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
