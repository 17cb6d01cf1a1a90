# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The steps from a model to a plan, in the child process: build it, run it, compare it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
import os
from typing import Protocol, TYPE_CHECKING

from rtformer_ros.engines.request import BuildOptions, BuildProgress, BuildWatch
from rtformer_ros.engines.tensorrt.build.job import CompileJob, CompileResult
from rtformer_ros.engines.tensorrt.build.preparation import prepare_in_child
from rtformer_ros.engines.tensorrt.build.verification import FrameReference, Reference
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.engines.tensorrt.frames.frame_shapes import NO_SHAPES, ShapeRange
from rtformer_ros.engines.tensorrt.memory import fitting_workspace_mib
from rtformer_ros.engines.tensorrt.messages import OUT_OF_MEMORY
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildError,
    EngineBuildOutOfMemory,
    EngineError,
    EngineUnavailable,
    ModelError,
)
from rtformer_ros.files.sha256 import sha256_of_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.deploy.operators.tables import Release
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.precision import BuilderPrecision
    from rtformer_ros.engines.tensorrt.build.builder import BuiltPlan
    from rtformer_ros.engines.tensorrt.build.graph import CompileGraph
    from rtformer_ros.segmentation import Segmentation

_MOST_FINDINGS = 3


class PlanBuilderFn(Protocol):
    """The step that compiles; builder.build_plan is the real one."""

    def __call__(
        self,
        onnx_path: Path,
        precision: BuilderPrecision,
        options: BuildOptions,
        watch: BuildWatch,
        timing_cache: bytes = b'',
        shapes: Mapping[str, ShapeRange] = NO_SHAPES,
    ) -> BuiltPlan:
        """Return the plan and the timings that were measured for it."""


class PlanRunnerFn(Protocol):
    """The step that runs a plan once."""

    def __call__(
        self,
        plan: bytes,
        graph: CompileGraph,
        images_nhwc: npt.NDArray[np.uint8],
        num_classes: int,
    ) -> npt.NDArray[np.uint8]:
        """Return class ids, uint8 [N, H, W], for images, uint8 [N, H, W, 3]."""


class FrameRunnerFn(Protocol):
    """The step that runs the plans for frames once."""

    def __call__(self, plan: bytes, frames: Sequence[CameraFrame]) -> list[Segmentation]:
        """Return what comes of each frame; plan: as FramePlans writes it."""


@dataclass(frozen=True)
class CompileSteps:
    """The steps that need a GPU: compiling, and running what was compiled on images or frames."""

    build_plan: PlanBuilderFn
    run_plan: PlanRunnerFn
    run_frames: FrameRunnerFn


def compile_model(job: CompileJob, watch: BuildWatch, steps: CompileSteps) -> CompileResult:
    """
    Compile a model, try the plan and write it to the job's file.

    Raises EngineBuildError and all else that the steps raise, ImportError without onnx or ONNX
    Runtime, OSError where the disk is full.
    """
    watch.report(BuildProgress('running the model with ONNX Runtime, preparing the graph', -1, 0))
    prepared = prepare_in_child(job)
    graph = prepared.graph
    _check_precision(job, graph)
    workspace_mib = fitting_workspace_mib(job.workspace_mib)
    options = BuildOptions(workspace_mib, job.optimization_level, job.max_batch)
    precision: BuilderPrecision = 'typed' if graph.is_typed else job.precision
    try:
        timings = _read_fd(job.timing_fd)
        built = steps.build_plan(graph.path, precision, options, watch, timings, graph.shapes)
    except EngineBuildError as error:
        raise type(error)(f'{error}{_findings(graph, job.release)}') from error
    pictures, faults = _build_pictures(graph, options, watch, built.timing_cache, steps)
    watch.report(BuildProgress('comparing the plan with ONNX Runtime', -1, 0))
    with _running():
        if isinstance(prepared.reference, FrameReference):
            tried = _try_frames(built.plan, pictures, prepared.reference, steps)
        else:
            tried = _try_images(built.plan, job, graph, prepared.reference, steps)
    faults = {**tried.faults, **faults}
    _write_fd(job.plan_fd, tried.plan)
    _write_fd(job.timing_fd, built.timing_cache)
    return CompileResult(
        plan_sha256=sha256_of_bytes(tried.plan),
        plan_bytes=len(tried.plan),
        precision=graph.precision,
        is_typed=graph.is_typed,
        agreement=tried.agreement,
        notes=[f'the host draws {picture}: {fault}' for picture, fault in faults.items()],
        properties=graph.metadata.to_properties(),
        is_self_described=graph.is_self_described,
        workspace_mib=workspace_mib,
    )


def _check_precision(job: CompileJob, graph: CompileGraph) -> None:
    if job.precision == 'fp32' and graph.is_typed:
        raise ConfigError(
            f'precision is fp32, but {job.onnx_path} is {graph.precision.upper()}; give the FP32 '
            'model, or leave precision auto'
        )


def _findings(graph: CompileGraph, release: Release) -> str:
    """Return what a release is known to refuse of a graph, '' where that is nothing."""
    # Imports onnx, whose absence is reported to the parent like any other failure.
    from rtformer_ros.deploy.operators.check import check_operators

    try:
        found = check_operators(graph.path, release)
    except ModelError:
        return ''
    # For these TensorRT was told their sizes.
    told = {f"input '{name}'" for name in graph.shapes}
    findings = [str(finding) for finding in found if finding.node not in told][:_MOST_FINDINGS]
    return f' TensorRT is known to refuse of this model: {"; ".join(findings)}' if findings else ''


def _build_pictures(
    graph: CompileGraph,
    options: BuildOptions,
    watch: BuildWatch,
    timings: bytes,
    steps: CompileSteps,
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the plans of pictures by name, and why there is none of the others."""
    plans, faults = {}, {}
    for picture, each in graph.pictures.items():
        heard = replace(watch, report=_naming(picture, watch))
        try:
            built = steps.build_plan(each.path, 'fp32', options, heard, timings, each.shapes)
            plans[picture] = built.plan
        except EngineBuildError as error:
            faults[picture] = str(error)
    return plans, faults


def _naming(picture: str, watch: BuildWatch) -> Callable[[BuildProgress], None]:
    def report(progress: BuildProgress) -> None:
        watch.report(replace(progress, phase=f'{picture}: {progress.phase}'))

    return report


@dataclass(frozen=True)
class _Tried:
    """
    A plan that was run.

    plan: what is kept of it; agreement: share of pixels, 0..1. faults: by the name of a picture,
    why its plan is not kept.
    """

    plan: bytes
    agreement: float
    faults: Mapping[str, str]


def _try_frames(
    masks: bytes, pictures: Mapping[str, bytes], reference: FrameReference, steps: CompileSteps
) -> _Tried:
    plans = FramePlans(masks, pictures)
    results = steps.run_frames(plans.to_bytes(), reference.frames)
    agreement = reference.agreement_of([each.class_map_hw for each in results])
    faults = reference.wrong_pictures(results)
    right = {name: plan for name, plan in pictures.items() if name not in faults}
    return _Tried(FramePlans(masks, right).to_bytes(), agreement, faults)


def _try_images(
    plan: bytes, job: CompileJob, graph: CompileGraph, reference: Reference, steps: CompileSteps
) -> _Tried:
    # One image more than a call holds: so the smallest call is made, too.
    reference = reference.repeated(job.max_batch + 1)
    found = steps.run_plan(plan, graph, reference.images_nhwc, reference.num_classes)
    return _Tried(plan, reference.agreement_of(found), {})


@contextmanager
def _running() -> Iterator[None]:
    """Say of what goes wrong that it did so with a plan that was built."""
    try:
        yield
    except EngineUnavailable:
        raise
    except (EngineError, ModelError) as error:
        is_short = OUT_OF_MEMORY.search(str(error)) is not None
        kind = EngineBuildOutOfMemory if is_short else EngineBuildError
        raise kind(f'the plan was built, but does not run: {error}') from error


def _read_fd(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _write_fd(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    view = memoryview(content)
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], done)
