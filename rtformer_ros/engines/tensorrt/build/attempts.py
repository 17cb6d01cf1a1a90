# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Attempts to compile a model, each at safer settings, until a plan agrees with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
import logging
from pathlib import Path
import time
from typing import TYPE_CHECKING

from rtformer_ros.engines.request import BuildProgress, BuildWatch
from rtformer_ros.engines.tensorrt.build.job import CompileJob
from rtformer_ros.engines.tensorrt.build.parent import (
    compile_in_child,
    CompiledPlan,
    COMPILER,
)
from rtformer_ros.engines.tensorrt.build.verification import LEAST_AGREEMENT
from rtformer_ros.engines.tensorrt.memory import read_memory
from rtformer_ros.errors import ConfigError, EngineBuildError, EngineBuildOutOfMemory

if TYPE_CHECKING:
    from rtformer_ros.engines.precision import CompilePrecision
    from rtformer_ros.engines.tensorrt.build.job import CompileResult

_logger = logging.getLogger(__name__)
# What separates the levels in what they try: 3 and 5 compare many kernels, 1 takes the first.
_LEVEL_STEP = 2


@dataclass(frozen=True)
class Attempt:
    """Settings to compile at."""

    precision: CompilePrecision
    optimization_level: int

    def __str__(self) -> str:
        """Return what to call it."""
        return f'{self.precision.upper()} at optimisation level {self.optimization_level}'


@dataclass(frozen=True)
class Success:
    """
    The plan of the first attempt that was good enough.

    notes: the attempts before it, and why each was given up; what else is to be known of it.
    """

    compiled: CompiledPlan
    attempt: Attempt
    notes: tuple[str, ...]


def attempts_for(precision: CompilePrecision, optimization_level: int) -> tuple[Attempt, ...]:
    """
    Return what to try in turn: as asked, at a lower level, and in FP32.

    The last is at the level asked for: where a lower one did not help, it was not the level.
    """
    lower = max(0, optimization_level - _LEVEL_STEP)
    attempts = [Attempt(precision, optimization_level), Attempt(precision, lower)]
    if precision == 'fp16':
        attempts.append(Attempt('fp32', optimization_level))
    return tuple(dict.fromkeys(attempts))


def compile_safely(
    job: CompileJob,
    timing_cache: bytes,
    watch: BuildWatch,
    *,
    command: Sequence[str] = COMPILER,
    environment: Mapping[str, str] | None = None,
) -> Success:
    """
    Compile until a plan agrees with ONNX Runtime (see LEAST_AGREEMENT).

    Takes what compile_in_child takes. Each attempt that is given up is logged.
    Raises EngineBuildError, with all attempts, where none is good enough; the memory that one of
    them lacked makes it EngineBuildOutOfMemory. What else compile_in_child raises comes through.
    """
    attempts = attempts_for(job.precision, job.optimization_level)
    started_s = time.monotonic()
    notes: list[str] = []
    may_be_fp32, kind = True, EngineBuildError
    for number, attempt in enumerate(attempts, 1):
        if attempt.precision != job.precision and not may_be_fp32:
            break
        tried = replace(
            job, precision=attempt.precision, optimization_level=attempt.optimization_level
        )
        heard = _attempt_watch(watch, attempt, (number, len(attempts)), started_s)
        try:
            compiled = compile_in_child(
                tried, timing_cache, heard, command=command, environment=environment
            )
        except ConfigError:
            if attempt.precision == job.precision:
                raise
            # A model with a precision of its own, which it alone can be had in.
            break
        except EngineBuildError as error:
            if isinstance(error, EngineBuildOutOfMemory):
                kind = EngineBuildOutOfMemory
            # A plan in FP32 needs more memory, not less.
            may_be_fp32 = kind is EngineBuildError
            failure = str(error)
        else:
            failure = _refusal(compiled.result)
            may_be_fp32 = not compiled.result.is_typed
            if not failure:
                return Success(compiled, attempt, (*notes, *_remarks(compiled.result, job)))
        notes.append(f'{attempt}: {failure}')
        _logger.warning('%s gave no plan that can be used: %s', attempt, failure)
    advice = _memory_advice() if kind is EngineBuildOutOfMemory else ''
    said = '; '.join(_once(notes))
    raise kind(f'no plan could be made of {Path(job.onnx_path).name}; tried: {said}{advice}')


def _refusal(result: CompileResult) -> str:
    """Return why a plan is not good enough, '' if it is."""
    least = LEAST_AGREEMENT[result.precision]
    if result.agreement >= least:
        return ''
    return (
        f'the {result.precision.upper()} plan agrees with ONNX Runtime on {result.agreement:.2%} '
        f'of the pixels of a real image; at least {least:.0%} are expected'
    )


def _remarks(result: CompileResult, job: CompileJob) -> Iterator[str]:
    """Give the compiler's own notes; say where it had less scratch memory than was asked for."""
    yield from result.notes
    if 0 < result.workspace_mib < job.workspace_mib:
        note = (
            f'built with a workspace of {result.workspace_mib} MiB instead of '
            f'{job.workspace_mib}, as no more memory was free; with more it may run faster'
        )
        _logger.info('the plan was %s', note)
        yield note


def _memory_advice() -> str:
    memory = read_memory()
    return f'. Mind that {memory.advice}' if memory and memory.advice else ''


def _attempt_watch(
    watch: BuildWatch, attempt: Attempt, place: tuple[int, int], started_s: float
) -> BuildWatch:
    """Return a watch that names the attempt and counts the time from the first one on."""
    number, count = place
    retry = f', attempt {number} of {count}' if number > 1 else ''

    def report(progress: BuildProgress) -> None:
        phase = f'{attempt}{retry}: {progress.phase}'
        watch.report(BuildProgress(phase, progress.percent, time.monotonic() - started_s))

    return replace(watch, report=report)


def _once(notes: Sequence[str]) -> Iterator[str]:
    """Give each note, but a reason that was given before only as 'the same'."""
    known: set[str] = set()
    for note in notes:
        attempt, _, reason = note.partition(': ')
        yield f'{attempt}: the same' if reason in known else note
        known.add(reason)
