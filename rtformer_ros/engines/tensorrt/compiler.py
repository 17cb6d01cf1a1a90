"""
Compile one model: the program that build_process starts.

It reads a CompileJob as the first line of its standard input, and ends when that is closed, so
that it never outlives its parent. It answers with lines of JSON: {phase, percent} while it works,
at last {result: CompileResult} or {error: class name, message}.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from rtformer_ros.engines.build import BuildOptions, BuildProgress, BuildWatch
from rtformer_ros.engines.request import EngineRequest
from rtformer_ros.engines.tensorrt.compile_graph import CompileGraph, compile_graph
from rtformer_ros.engines.tensorrt.compile_job import CompileJob, CompileResult
from rtformer_ros.engines.tensorrt.verification import Reference, reference_of
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildError,
    EngineError,
    EngineUnavailable,
    ModelError,
    RtformerError,
)
from rtformer_ros.labels import LabelSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# The node goes first: for the processor, and for the memory when there is too little.
_NICENESS = 5
_OOM_SCORE = b'800'
_MOST_FINDINGS = 3


class BuildPlan(Protocol):
    """The step that compiles; builder.build_plan is the real one."""

    def __call__(
        self,
        onnx_path: Path,
        precision: Any,
        options: BuildOptions,
        watch: BuildWatch,
        timing_cache: bytes = b'',
    ) -> Any:
        """Return an object with the attributes plan and timing_cache, both bytes."""


class RunPlan(Protocol):
    """The step that runs a plan once."""

    def __call__(
        self,
        plan: bytes,
        graph: CompileGraph,
        images_nhwc: npt.NDArray[np.uint8],
        num_classes: int,
    ) -> npt.NDArray[np.uint8]:
        """Return class ids, uint8 [N, H, W], for images, uint8 [N, H, W, 3]."""


def main() -> int:
    """Compile with TensorRT; return the exit code."""
    return serve(_build_plan, _run_plan)


def serve(build_plan: BuildPlan, run_plan: RunPlan) -> int:
    """Do the job on standard input with these two steps; return the exit code."""
    answers = _take_stdout()
    job = CompileJob.from_line(_first_line(0))
    threading.Thread(target=_end_with_parent, args=(job.work_folder,), daemon=True).start()
    _step_back()
    try:
        result = _compile(job, _reporting(answers), build_plan, run_plan)
    except RtformerError as error:
        _answer(answers, error=type(error).__name__, message=str(error))
        return 1
    except MemoryError:
        _answer(answers, error='EngineBuildOutOfMemory', message=_out_of_memory(job))
        return 1
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        message = f'the compiler failed in a way that nobody foresaw: {error!r}'
        _answer(answers, error='EngineBuildError', message=message)
        return 1
    _answer(answers, result=vars(result))
    return 0


def _compile(
    job: CompileJob, watch: BuildWatch, build_plan: BuildPlan, run_plan: RunPlan
) -> CompileResult:
    options = BuildOptions(job.workspace_mib, job.optimization_level, job.max_batch)
    model = Path(job.onnx_path)
    watch.report(BuildProgress('running the model with ONNX Runtime', -1, 0))
    # First, as it takes a second and finds whatever is wrong with the file.
    reference = reference_of(_reference_request(job))
    watch.report(BuildProgress('preparing the graph', -1, 0))
    _, height, width, _ = reference.images_nhwc.shape
    graph = compile_graph(model, job.precision, (height, width), Path(job.work_folder))
    _check_precision(job, graph)
    precision = 'typed' if graph.is_typed else job.precision
    try:
        built = build_plan(graph.path, precision, options, watch, _read_fd(job.timing_fd))
    except EngineBuildError as error:
        raise type(error)(f'{error}{_findings(graph)}') from error
    _write_fd(job.plan_fd, built.plan)
    _write_fd(job.timing_fd, built.timing_cache)
    watch.report(BuildProgress('comparing the plan with ONNX Runtime', -1, 0))
    return CompileResult(
        plan_sha256=hashlib.sha256(built.plan).hexdigest(),
        plan_bytes=len(built.plan),
        precision=graph.precision,
        is_typed=graph.is_typed,
        # One image more than a call holds: the smallest call, which has its own context, is made too.
        agreement=_agreement(built.plan, graph, reference.repeated(job.max_batch + 1), run_plan),
        properties=graph.metadata.to_properties(),
        is_self_described=graph.is_self_described,
    )


def _reference_request(job: CompileJob) -> EngineRequest:
    labels = LabelSet.from_dict(job.labels, 'labels') if job.labels else None
    return EngineRequest(
        Path(job.onnx_path),
        device='cpu',
        labels=labels,
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
    from rtformer_ros.deploy.operators import check_operators

    findings = [str(finding) for finding in check_operators(graph.path)[:_MOST_FINDINGS]]
    return f' TensorRT is known to refuse of this model: {"; ".join(findings)}' if findings else ''


def _agreement(plan: bytes, graph: CompileGraph, reference: Reference, run_plan: RunPlan) -> float:
    try:
        return reference.agreement_of(
            run_plan(plan, graph, reference.images_nhwc, reference.num_classes)
        )
    except EngineUnavailable:
        raise
    except (EngineError, ModelError) as error:
        raise EngineBuildError(f'the plan was built, but does not run: {error}') from error


def _reporting(answers: IO[str]) -> BuildWatch:
    """Return a watch that tells the parent, from any thread."""
    lock = threading.Lock()

    def report(progress: BuildProgress) -> None:
        with lock:
            _answer(answers, phase=progress.phase, percent=progress.percent)

    return BuildWatch(report)


def _answer(answers: IO[str], **message: Any) -> None:
    answers.write(json.dumps(message) + '\n')
    answers.flush()


def _take_stdout() -> IO[str]:
    """Keep standard output for answers; what libraries print there goes to standard error."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    return answers


def _first_line(descriptor: int) -> str:
    # Not through sys.stdin, whose buffer another thread could not read past.
    line = b''
    while not line.endswith(b'\n'):
        letter = os.read(descriptor, 1)
        if not letter:
            break
        line += letter
    return line.decode()


def _end_with_parent(work_folder: str) -> None:
    while os.read(0, 1):
        pass
    shutil.rmtree(work_folder, ignore_errors=True)
    os._exit(1)


def _step_back() -> None:
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError):
        Path('/proc/self/oom_score_adj').write_bytes(_OOM_SCORE)


def _read_fd(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _write_fd(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    view = memoryview(content)
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], done)


def _out_of_memory(job: CompileJob) -> str:
    return (
        f'memory ran out while compiling {job.onnx_path}; stop other programs, add swap or lower '
        f'the workspace (now {job.workspace_mib} MiB)'
    )


def _build_plan(
    onnx_path: Path,
    precision: Any,
    options: BuildOptions,
    watch: BuildWatch,
    timing_cache: bytes = b'',
) -> Any:
    from rtformer_ros.engines.tensorrt.builder import build_plan

    return build_plan(onnx_path, precision, options, watch, timing_cache)


def _run_plan(
    plan: bytes, graph: CompileGraph, images_nhwc: npt.NDArray[np.uint8], num_classes: int
) -> npt.NDArray[np.uint8]:
    from rtformer_ros.engines.tensorrt.runner import PlanRunner

    _, height, width, _ = images_nhwc.shape
    runner = PlanRunner(plan, graph.metadata, network_size=(height, width))
    try:
        return runner.run(images_nhwc, num_classes).class_map_nhw
    finally:
        runner.close()


if __name__ == '__main__':
    sys.exit(main())
