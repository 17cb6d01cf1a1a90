# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run ONNX models and plans with TensorRT on an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import logging
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.frames.camera_frame import check_takes_frames
from rtformer_ros.engines.model_outputs import check_outputs
from rtformer_ros.engines.reduced_precision.int8_file import int8_file, TENSORRT_ENDING
from rtformer_ros.engines.tensorrt.build import find_or_build
from rtformer_ros.engines.tensorrt.frames.frame_runner import FrameRunner
from rtformer_ros.engines.tensorrt.plans.file import open_plan_file
from rtformer_ros.engines.tensorrt.run.loaded_plan import PlanRefused
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildNeeded,
    EngineClosed,
    EngineError,
    EngineUnavailable,
    ModelError,
    RtformerError,
)
from rtformer_ros.files.packaged_files import PLAN_SUFFIXES

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.model_outputs import ChosenLabels
    from rtformer_ros.engines.request import BuildWatch, EngineRequest
    from rtformer_ros.engines.tensorrt.plans.key import Target
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.segmentation import Segmentation, SegmentationBatch

_logger = logging.getLogger(__name__)

_Loaded = TypeVar('_Loaded')


class TensorRTEngine(Engine):
    """
    A plan on the GPU.

    Engine's lock lets one call through at a time, which is what the plan's context and stream
    need, and lets `close` wait for it; the runner frees what it holds in the right order.
    """

    def __init__(
        self, description: EngineDescription, runner: PlanRunner, frames: _AskedFrames
    ) -> None:
        """Take over the runner of images, and that of frames where there is one."""
        super().__init__(frames.described(description, description.detail))
        self._detail = description.detail
        self._runner: PlanRunner | None = runner
        self._frames = frames

    @property
    def frame_encodings(self) -> frozenset[str]:
        """Return the encoding that was asked for, where there is a plan for its frames."""
        frames = self._frames
        return frozenset([frames.encoding] if frames.runner else [])

    @property
    def largest_frame(self) -> tuple[int, int] | None:
        """Return height and width up to which the plan for frames was built; None without one."""
        runner = self._frames.runner
        return runner.largest_frame if runner else None

    @property
    def awaited_frames(self) -> str:
        """Return the encoding that was asked for, where its plan was left to be built later."""
        frames = self._frames
        return frames.encoding if frames.build else ''

    def add_frames(self, watch: BuildWatch) -> None:
        """Build the plan for frames and load it; images are segmented meanwhile."""
        awaited = self._frames
        assert awaited.build is not None, 'nothing is awaited'
        try:
            runner = awaited.build(watch)
        except EngineBuildCancelled:
            raise
        except RtformerError as error:
            self._take_frames(_AskedFrames(awaited.encoding, refused=str(error)))
            raise
        try:
            self._take_frames(_AskedFrames(awaited.encoding, runner))
        except EngineClosed:
            runner.close()
            raise

    def _take_frames(self, frames: _AskedFrames) -> None:
        with self._turn():
            self._frames = frames
            self._description = frames.described(self._description, self._detail)

    @property
    def frame_pictures(self) -> frozenset[str]:
        """Return the pictures that there are plans for beside that for frames."""
        runner = self._frames.runner
        return runner.pictures if runner else frozenset()

    @classmethod
    def open(cls, request: EngineRequest) -> TensorRTEngine:
        """
        Open a plan file, or the plan of an ONNX file, which is compiled where the cache has none.

        Raises EngineUnavailable without TensorRT or GPU, EngineBuildError, EngineBuildCancelled,
        EngineBuildNeeded, ModelError, ConfigError and EngineError as open_engine says.
        """
        target = find_or_build.find_target(request)
        request = _in_int8(request)
        is_plan = _is_plan(request)
        images = _for_images(request)
        opened = _open_file(images, target) if is_plan else _open_onnx(images, target, _Opened.of)
        runner, metadata = opened.runner, opened.metadata
        try:
            chosen = _labels(runner, metadata, request)
            frames = _open_frames(request, metadata, target)
            description = EngineDescription(
                engine='tensorrt',
                device=f'cuda:{request.cuda_index}',
                model=request.model,
                height=runner.height,
                width=runner.width,
                labels=chosen.labels,
                labels_warning=chosen.warning,
                detail=f'TensorRT {target.tensorrt_version}, {target.gpu.name}, {opened.origin}, '
                f'{runner.how}',
            )
        except BaseException:
            runner.close()
            raise
        return cls(description, runner, frames)

    @classmethod
    def needs_build(cls, request: EngineRequest) -> bool:
        """
        Return whether `open` would compile first.

        Raises EngineUnavailable where nothing can, ModelError for a model that cannot be read.
        """
        if _is_plan(request):
            return False
        # Before anything else: where nothing can be built, no cache is made.
        target = find_or_build.find_target(request)
        request = _in_int8(request)
        try:
            images = find_or_build.prepare_plan(
                replace(_for_images(request), may_build=False), target=target
            )
        except EngineBuildNeeded:
            return True
        except EngineBuildError:
            # It failed before, and is left alone.
            return False
        if not request.frame_encoding or request.frames_later:
            return False
        return _must_compile_frames(request, images.metadata, target)

    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        assert self._runner is not None
        return self._runner.run(images_nhwc, len(self.description.labels))

    def _run_frame(self, frame: CameraFrame) -> Segmentation:
        assert self._frames.runner is not None
        return self._frames.runner.run(frame)

    def _release(self) -> None:
        runner, self._runner = self._runner, None
        if self._frames.runner is not None:
            self._frames.runner.close()
        if runner is not None:
            runner.close()


@dataclass(frozen=True)
class _AskedFrames:
    """
    The encoding of the frames that were asked for, '' for none, and what came of it.

    runner: what takes them; build: how to get that, where there is none yet; refused: why there
    is none and will be none.
    """

    encoding: str = ''
    runner: FrameRunner | None = None
    build: Callable[[BuildWatch], FrameRunner] | None = None
    refused: str = ''

    def described(self, description: EngineDescription, detail: str) -> EngineDescription:
        """Return the description of an engine with these frames; detail: that without any."""
        if self.runner:
            detail += f', frames of {self.encoding} as they come ({self.runner.how})'
        elif self.build:
            detail += f', frames of {self.encoding} on the host until their plan is built'
        return replace(description, detail=detail, frames_refused=self.refused)


@dataclass(frozen=True)
class _Opened:
    """A runner, what its model says about itself, and precision and origin of its plan."""

    runner: PlanRunner
    metadata: ModelMetadata
    origin: str

    @classmethod
    def of(cls, prepared: find_or_build.PreparedPlan, request: EngineRequest) -> _Opened:
        record = prepared.record
        origin = f'built in {record.build_s:.0f} s' if prepared.is_new else 'plan from the cache'
        runner = PlanRunner(
            prepared.plan,
            prepared.metadata,
            device_index=request.cuda_index,
            network_size=request.network_size,
        )
        return cls(runner, prepared.metadata, f'{record.precision.upper()}, {origin}')


def _is_plan(request: EngineRequest) -> bool:
    return request.model.suffix in PLAN_SUFFIXES


def _in_int8(request: EngineRequest) -> EngineRequest:
    """Return a request for the INT8 file beside an ONNX model where INT8 is asked for."""
    if request.precision != 'int8' or _is_plan(request):
        return request
    try:
        model = int8_file(request.model, TENSORRT_ENDING)
    except ModelError as error:
        # The CPU's INT8 file may be there.
        if request.engine == 'auto':
            raise EngineUnavailable(str(error)) from error
        raise
    return replace(request, model=model, precision='auto')


def _for_images(request: EngineRequest) -> EngineRequest:
    return replace(request, frame_encoding='', frames_later=False)


def _for_frames(request: EngineRequest) -> EngineRequest:
    """Return what a plan for frames is asked for with, which the host can stand in for."""
    return replace(request, engine='auto')


def _open_onnx(
    request: EngineRequest,
    target: Target,
    load: Callable[[find_or_build.PreparedPlan, EngineRequest], _Loaded],
) -> _Loaded:
    """Return what `load` makes of the plan of a request; of one that it refuses, built anew."""
    prepared = find_or_build.prepare_plan(request, target=target)
    try:
        return load(prepared, request)
    except PlanRefused as error:
        if prepared.is_new:
            raise
        # An update of the driver, say, of which the plan's record knows nothing.
        _logger.warning('the cached plan of %s is built again: %s', request.model.name, error)
        # Should the build fail, the next start knows that it has to build.
        find_or_build.discard_plan(prepared)
        if not request.may_build:
            raise EngineBuildNeeded(str(error)) from error
    return load(find_or_build.prepare_plan(request, target=target, force=True), request)


def _open_frames(request: EngineRequest, metadata: ModelMetadata, target: Target) -> _AskedFrames:
    """Return what takes frames where that is asked for; a model that cannot runs without."""
    encoding = request.frame_encoding
    if not encoding:
        return _AskedFrames()
    if _is_plan(request):
        return _AskedFrames(encoding, refused=f'{request.model.name} is a plan for images')
    waits = request.may_build and not request.frames_later
    asked = _for_frames(request)
    try:
        check_takes_frames(request.model.name, metadata)
        runner = _open_onnx(replace(asked, may_build=waits), target, _frame_runner)
        return _AskedFrames(encoding, runner)
    except EngineBuildCancelled:
        raise
    except EngineBuildNeeded:
        if not request.frames_later:
            raise
    except (EngineError, ModelError) as error:
        return _AskedFrames(encoding, refused=str(error))

    def build(watch: BuildWatch) -> FrameRunner:
        return _open_onnx(replace(asked, watch=watch, may_build=True), target, _frame_runner)

    return _AskedFrames(encoding, build=build)


def _frame_runner(prepared: find_or_build.PreparedPlan, request: EngineRequest) -> FrameRunner:
    return FrameRunner(prepared.plan, device_index=request.cuda_index)


def _must_compile_frames(request: EngineRequest, metadata: ModelMetadata, target: Target) -> bool:
    """Return whether a plan for frames is to be built, for a model with this metadata."""
    try:
        check_takes_frames(request.model.name, metadata)
    except ModelError:
        return False
    return find_or_build.must_compile(_for_frames(request), target=target)


def _open_file(request: EngineRequest, target: Target) -> _Opened:
    if request.precision != 'auto':
        raise ConfigError(
            f'precision is {request.precision}, but {request.model.name} has the precision that '
            'it was built with; leave precision auto'
        )
    file = open_plan_file(request.model, target)
    try:
        runner = PlanRunner(
            file.plan,
            file.metadata,
            device_index=request.cuda_index,
            network_size=request.network_size,
        )
    except (EngineError, ModelError) as error:
        raise type(error)(f'{request.model}: {error}') from error
    return _Opened(runner, file.metadata, file.origin)


def _labels(runner: PlanRunner, metadata: ModelMetadata, request: EngineRequest) -> ChosenLabels:
    """Return the classes of a plan, for which it is run once."""
    black = np.zeros((1, runner.height, runner.width, 3), np.uint8)
    outputs = runner.run_tensors(black)
    return check_outputs(outputs, metadata, (runner.height, runner.width), request)
