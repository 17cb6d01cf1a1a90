# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Compile one model: the program that `parent` starts.

It reads a CompileJob as the first line of its standard input, and ends when that is closed, so
that it never outlives its parent. It answers with lines of JSON: {phase, percent} while it works,
at last {result: CompileResult} or {error: class name, message}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
import json
import os
from pathlib import Path
import shutil
import sys
import tempfile
import threading
import traceback
from typing import Any, IO, TYPE_CHECKING

from rtformer_ros.engines.request import BuildProgress, BuildWatch
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt
from rtformer_ros.engines.tensorrt.build.builder import build_plan, BuiltPlan
from rtformer_ros.engines.tensorrt.build.job import CompileJob
from rtformer_ros.engines.tensorrt.build.steps import compile_model, CompileSteps
from rtformer_ros.engines.tensorrt.frames.frame_runner import FrameRunner
from rtformer_ros.engines.tensorrt.frames.frame_shapes import NO_SHAPES, ShapeRange
from rtformer_ros.engines.tensorrt.run.open_cuda import check_cuda_library
from rtformer_ros.engines.tensorrt.run.runner import PlanRunner
from rtformer_ros.errors import (
    EngineBuildError,
    EngineBuildOutOfMemory,
    EngineError,
    EngineUnavailable,
    pip_install,
    RtformerError,
)
from rtformer_ros.processes.lifeline import end_with_standard_input
from rtformer_ros.processes.priority import step_back

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.precision import BuilderPrecision
    from rtformer_ros.engines.request import BuildOptions
    from rtformer_ros.engines.tensorrt.build.graph import CompileGraph
    from rtformer_ros.segmentation import Segmentation

# The node goes first when there is too little memory.
_OOM_SCORE = b'800'


def main() -> int:
    """Compile with TensorRT; return the exit code."""
    return serve(CompileSteps(_build_plan, _run_plan, _run_frames))


def serve(steps: CompileSteps) -> int:
    """Do the job on standard input with these steps; return the exit code."""
    answers = _take_stdout()
    job = CompileJob.from_line(_first_line(0))
    # Ours may be killed; the parent removes this folder, and all that is in it, in any case.
    tempfile.tempdir = job.work_folder
    end_with_standard_input(partial(_leave, job.work_folder))
    step_back()
    _offer_to_be_killed()
    try:
        result = compile_model(job, _reporting(answers), steps)
    except Exception as error:  # noqa: BLE001
        translated = _translated(error, job)
        _answer(answers, error=type(translated).__name__, message=str(translated))
        return 1
    _answer(answers, result=vars(result))
    return 0


def _translated(error: Exception, job: CompileJob) -> RtformerError:
    if isinstance(error, RtformerError):
        return error
    if isinstance(error, MemoryError):
        return EngineBuildOutOfMemory(
            f'memory ran out while compiling {job.onnx_path}; stop other programs, add swap or '
            f'lower the workspace (now {job.workspace_mib} MiB)'
        )
    if isinstance(error, ImportError):
        return EngineUnavailable(
            'models are brought to the form that TensorRT takes with onnx, and plans are compared '
            f'with ONNX Runtime, but {error.name or "one of them"} does not load here ({error}); '
            f'install both, and keep NumPy below 2 for ROS: {pip_install("onnx", "onnxruntime")}'
        )
    if isinstance(error, OSError):
        return EngineError(
            f'the compiler of {job.onnx_path} cannot read or write a file: {error}; free space in '
            f'{Path(job.work_folder).parent}, or set TMPDIR to another folder'
        )
    traceback.print_exception(error)
    return EngineBuildError(f'the compiler failed in a way that nobody foresaw: {error!r}')


def _reporting(answers: IO[str]) -> BuildWatch:
    """Return a watch that reports to the parent, from any thread."""
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


def _leave(work_folder: str) -> None:
    shutil.rmtree(work_folder, ignore_errors=True)
    os._exit(1)


def _offer_to_be_killed() -> None:
    with suppress(OSError):
        Path('/proc/self/oom_score_adj').write_bytes(_OOM_SCORE)


def _build_plan(
    onnx_path: Path,
    precision: BuilderPrecision,
    options: BuildOptions,
    watch: BuildWatch,
    timing_cache: bytes = b'',
    shapes: Mapping[str, ShapeRange] = NO_SHAPES,
) -> BuiltPlan:
    load_tensorrt()
    # What the plan runs with afterwards is to be there before minutes are spent on it.
    check_cuda_library()
    return build_plan(onnx_path, precision, options, watch, timing_cache, shapes)


def _run_plan(
    plan: bytes, graph: CompileGraph, images_nhwc: npt.NDArray[np.uint8], num_classes: int
) -> npt.NDArray[np.uint8]:
    _, height, width, _ = images_nhwc.shape
    runner = PlanRunner(plan, graph.metadata, network_size=(height, width))
    try:
        return runner.run(images_nhwc, num_classes).class_map_nhw
    finally:
        runner.close()


def _run_frames(plan: bytes, frames: Sequence[CameraFrame]) -> list[Segmentation]:
    runner = FrameRunner(plan)
    try:
        return [runner.run(frame) for frame in frames]
    finally:
        runner.close()


if __name__ == '__main__':
    sys.exit(main())
