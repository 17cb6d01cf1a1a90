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
from rtformer_ros.engines.tensorrt.plans.file import open_plan_file, PLAN_SUFFIXES
from rtformer_ros.engines.tensorrt.run.loaded_plan import PlanRefused
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildNeeded,
    EngineError,
    EngineUnavailable,
    ModelError,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.model_outputs import ChosenLabels
    from rtformer_ros.engines.request import EngineRequest
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
        self, description: EngineDescription, runner: PlanRunner, frames: _FramePlan | None = None
    ) -> None:
        """Take over the runner of images, and that of frames, None for no frames."""
        super().__init__(description)
        self._runner: PlanRunner | None = runner
        self._frames = frames
        self._frame_encodings = frozenset([frames.encoding] if frames else [])
        self._largest_frame = frames.runner.largest_frame if frames else None

    @property
    def frame_encodings(self) -> frozenset[str]:
        """Return the encoding that was asked for, where there is a plan for its frames."""
        return self._frame_encodings

    @property
    def largest_frame(self) -> tuple[int, int] | None:
        """Return height and width up to which the plan for frames was built; None without one."""
        return self._largest_frame

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
            frames = None if is_plan else _open_frames(request, metadata, target)
            description = EngineDescription(
                engine='tensorrt',
                device=f'cuda:{request.cuda_index}',
                model=request.model,
                height=runner.height,
                width=runner.width,
                labels=chosen.labels,
                labels_warning=chosen.warning,
                detail=f'TensorRT {target.tensorrt_version}, {target.gpu.name}, {opened.origin}, '
                f'{runner.how}{frames.detail if frames else ""}',
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
        if find_or_build.must_compile(_for_images(request), target=target):
            return True
        return bool(request.frame_encoding) and _must_compile_frames(request, target)

    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        assert self._runner is not None
        return self._runner.run(images_nhwc, len(self.description.labels))

    def _run_frame(self, frame: CameraFrame) -> Segmentation:
        assert self._frames is not None
        return self._frames.runner.run(frame)

    def _release(self) -> None:
        runner, self._runner = self._runner, None
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.runner.close()
        if runner is not None:
            runner.close()


@dataclass(frozen=True)
class _FramePlan:
    """The runner of a plan for frames of one encoding."""

    encoding: str
    runner: FrameRunner

    @classmethod
    def of(cls, prepared: find_or_build.PreparedPlan, request: EngineRequest) -> _FramePlan:
        """Load a plan."""
        return cls(
            request.frame_encoding, FrameRunner(prepared.plan, device_index=request.cuda_index)
        )

    @property
    def detail(self) -> str:
        """Return what to add to the detail of an engine."""
        return f', frames of {self.encoding} as they come ({self.runner.how})'


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
    return replace(request, frame_encoding='')


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


def _open_frames(
    request: EngineRequest, metadata: ModelMetadata, target: Target
) -> _FramePlan | None:
    """Return what takes frames where that is asked for; a model that cannot runs without."""
    if not request.frame_encoding:
        return None
    try:
        check_takes_frames(request.model.name, metadata)
        return _open_onnx(_for_frames(request), target, _FramePlan.of)
    except (EngineBuildCancelled, EngineBuildNeeded):
        raise
    except (EngineError, ModelError) as error:
        _logger.warning('no frame goes into the model as it comes: %s', error)
        return None


def _must_compile_frames(request: EngineRequest, target: Target) -> bool:
    """Return whether a plan for frames is to be built, where none is for images."""
    try:
        images = find_or_build.prepare_plan(
            replace(_for_images(request), may_build=False), target=target
        )
        check_takes_frames(request.model.name, images.metadata)
    except (EngineError, ModelError):
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
