# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The steps from a model to a plan, in the child process: build it, run it, compare it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, TYPE_CHECKING

from rtformer_ros.engines.request import BuildOptions, BuildProgress, BuildWatch, EngineRequest
from rtformer_ros.engines.tensorrt.build.graph import compile_graph, CompileGraph
from rtformer_ros.engines.tensorrt.build.job import CompileJob, CompileResult
from rtformer_ros.engines.tensorrt.build.verification import Reference, reference_of
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
from rtformer_ros.labels.label_set import LabelSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.engines.precision import BuilderPrecision
    from rtformer_ros.engines.tensorrt.build.builder import BuiltPlan

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


def compile_model(
    job: CompileJob, watch: BuildWatch, build_plan: PlanBuilderFn, run_plan: PlanRunnerFn
) -> CompileResult:
    """
    Compile a model, try the plan and write it to the job's file.

    Raises EngineBuildError and all else that the steps raise, ImportError without onnx or ONNX
    Runtime, OSError where the disk is full.
    """
    options = BuildOptions(job.workspace_mib, job.optimization_level, job.max_batch)
    model = Path(job.onnx_path)
    watch.report(BuildProgress('running the model with ONNX Runtime', -1, 0))
    # First, as it takes a second and finds whatever is wrong with the file.
    reference = reference_of(_reference_request(job))
    watch.report(BuildProgress('preparing the graph', -1, 0))
    _, height, width, _ = reference.images_nhwc.shape
    graph = compile_graph(model, job.precision, (height, width), Path(job.work_folder))
    _check_precision(job, graph)
    precision: BuilderPrecision = 'typed' if graph.is_typed else job.precision
    try:
        built = build_plan(graph.path, precision, options, watch, _read_fd(job.timing_fd))
    except EngineBuildError as error:
        raise type(error)(f'{error}{_findings(graph)}') from error
    _write_fd(job.plan_fd, built.plan)
    _write_fd(job.timing_fd, built.timing_cache)
    watch.report(BuildProgress('comparing the plan with ONNX Runtime', -1, 0))
    return CompileResult(
        plan_sha256=sha256_of_bytes(built.plan),
        plan_bytes=len(built.plan),
        precision=graph.precision,
        is_typed=graph.is_typed,
        # One image more than a call holds: so the smallest call is made, too.
        agreement=_agreement(built.plan, graph, reference.repeated(job.max_batch + 1), run_plan),
        properties=graph.metadata.to_properties(),
        is_self_described=graph.is_self_described,
    )


def _reference_request(job: CompileJob) -> EngineRequest:
    labels = LabelSet.from_dict(job.labels, 'labels') if job.labels else None
    return EngineRequest(
        Path(job.onnx_path),
        'onnxruntime',
        device='cpu',
        labels=labels,
        # Whether they may differ from the model's own is the parent's to say.
        labels_override=True,
        network_size=job.network_size,
    )


def _check_precision(job: CompileJob, graph: CompileGraph) -> None:
    if job.precision == 'fp32' and graph.is_typed:
        raise ConfigError(
            f'precision is fp32, but {job.onnx_path} is {graph.precision.upper()}; give the FP32 '
            'model, or leave precision auto'
        )


def _findings(graph: CompileGraph) -> str:
    """Return what is known to be refused of a graph, '' where nothing is."""
    # Imports onnx, whose absence is reported to the parent like any other failure.
    from rtformer_ros.deploy.operators.check import check_operators

    try:
        findings = [str(finding) for finding in check_operators(graph.path)[:_MOST_FINDINGS]]
    except ModelError:
        return ''
    return f' TensorRT is known to refuse of this model: {"; ".join(findings)}' if findings else ''


def _agreement(
    plan: bytes, graph: CompileGraph, reference: Reference, run_plan: PlanRunnerFn
) -> float:
    try:
        return reference.agreement_of(
            run_plan(plan, graph, reference.images_nhwc, reference.num_classes)
        )
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
