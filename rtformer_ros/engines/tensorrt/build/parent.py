# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Compilation in a child process: its memory is freed afterwards, and its crash is not ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
import json
import logging
import os
from pathlib import Path
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, IO

from rtformer_ros import errors
from rtformer_ros.engines.request import BuildProgress, BuildWatch
from rtformer_ros.engines.tensorrt.build.job import CompileJob, CompileResult
from rtformer_ros.errors import (
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildOutOfMemory,
    EngineError,
    RtformerError,
)
from rtformer_ros.files.sha256 import sha256_of_bytes
from rtformer_ros.processes.lifeline import module_folders


@contextmanager
def nameless_file(content: bytes = b'') -> Iterator[IO[bytes]]:
    """Give a file that lives in memory where the system can, else on disk; never with a name."""
    in_memory = hasattr(os, 'memfd_create')
    descriptor = os.memfd_create('rtformer_ros') if in_memory else _unlinked_file()
    with os.fdopen(descriptor, 'w+b') as file:
        file.write(content)
        file.flush()
        yield file


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder for a process that may be killed, and remove it; raises EngineError."""
    try:
        folder = tempfile.TemporaryDirectory(prefix='rtformer_ros_', ignore_cleanup_errors=True)
    except OSError as error:
        raise EngineError(
            f'there is no place for temporary files: {error}; free space or set TMPDIR'
        ) from error
    with folder as name:
        yield Path(name)


def _unlinked_file() -> int:
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


_logger = logging.getLogger(__name__)

COMPILER = (sys.executable, '-m', 'rtformer_ros.engines.tensorrt.build.child')
"""The command that compiles."""

_HEARTBEAT_S = 1.0
_POLL_S = 0.2
_TERMINATE_S = 3.0
_EXIT_S = 3.0
_CHUNK_BYTES = 1 << 16
_TAIL_BYTES = 4096
_TAIL_LINES = 12


@dataclass(frozen=True)
class CompiledPlan:
    """A plan, what is known of it, and what the compiler measured on the way."""

    plan: bytes
    result: CompileResult
    timing_cache: bytes


def compile_in_child(
    job: CompileJob,
    timing_cache: bytes,
    watch: BuildWatch,
    *,
    command: Sequence[str] = COMPILER,
    environment: Mapping[str, str] | None = None,
) -> CompiledPlan:
    """
    Run the compiler on a job and wait for it.

    timing_cache: of earlier builds, or b''. watch: called at least once a second, also while the
    compiler is silent. command: the compiler; environment: its variables, None for ours.
    The plan comes through a file without a name: nothing is left behind, however it ends.
    Raises what the compiler raised, EngineBuildOutOfMemory where it was killed, EngineBuildError
    where it crashed, EngineBuildCancelled, and EngineError where it cannot be started.
    """
    with (
        nameless_file() as plan,
        nameless_file(timing_cache) as timings,
        temporary_folder() as folder,
    ):
        job = replace(
            job, plan_fd=plan.fileno(), timing_fd=timings.fileno(), work_folder=str(folder)
        )
        process = _start(command, job, environment)
        with process:
            try:
                result = _Conversation(process, job, watch).result()
            finally:
                _end(process)
        return CompiledPlan(_checked(plan, result), result, _content(timings))


def _start(
    command: Sequence[str], job: CompileJob, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # It finds the modules that this process finds, and none that lie where we were
            # started.
            env={**(environment or os.environ), 'PYTHONPATH': module_folders()},
            cwd='/',
            pass_fds=(job.plan_fd, job.timing_fd),
            # Ctrl-C is for this process, which then ends the other.
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f'the compiler {command[0]} cannot be started: {error}') from error


class _Conversation:
    """What is said between the two processes until one of them ends it."""

    def __init__(
        self, process: subprocess.Popen[bytes], job: CompileJob, watch: BuildWatch
    ) -> None:
        self._process, self._job, self._watch = process, job, watch
        self._phase, self._percent = 'starting the compiler', -1.0
        self._started_s = time.monotonic()
        self._reported_s = -_HEARTBEAT_S
        self._unread, self._tail = b'', b''
        self._answer: dict[str, Any] | None = None
        self._answered_s = 0.0

    def result(self) -> CompileResult:
        assert self._process.stdin is not None
        try:
            # It stays open: the compiler ends itself when it closes, as it does if we are killed.
            self._process.stdin.write(self._job.to_line().encode())
        except BrokenPipeError:
            pass
        self._listen()
        if self._answer is None:
            raise self._crash(self._process.wait())
        if 'error' in self._answer:
            raise _error_from(self._answer)
        return CompileResult(**self._answer['result'])

    def _listen(self) -> None:
        """Read all that the compiler writes, and call the watch in between."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ, self._hear)
            selector.register(self._process.stderr, selectors.EVENT_READ, self._overhear)
            while selector.get_map():
                self._attend()
                # Asked first, so that what was said last is still heard.
                has_ended = self._process.poll() is not None
                ready = selector.select(_POLL_S)
                # A process that the compiler left behind may hold its end of the pipes, and a
                # driver may hang when it is unloaded.
                if (has_ended and not ready) or self._is_answered():
                    break
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK_BYTES)
                    if chunk:
                        key.data(chunk)
                    else:
                        selector.unregister(key.fileobj)

    def _attend(self) -> None:
        if self._watch.is_cancelled():
            raise EngineBuildCancelled(
                f'the building of {self._job.onnx_path} was called off; nothing was kept'
            )
        now_s = time.monotonic()
        if now_s - self._reported_s >= _HEARTBEAT_S:
            self._reported_s = now_s
            elapsed_s = now_s - self._started_s
            self._watch.report(BuildProgress(self._phase, self._percent, elapsed_s))

    def _is_answered(self) -> bool:
        """Return whether the answer is there and the compiler had time to end."""
        return self._answer is not None and time.monotonic() - self._answered_s > _EXIT_S

    def _hear(self, chunk: bytes) -> None:
        *lines, self._unread = (self._unread + chunk).split(b'\n')
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:  # what some library printed before the compiler took its output
                self._overhear(line + b'\n')
                continue
            if not isinstance(message, dict):
                continue
            if 'phase' in message:
                self._phase, self._percent = message['phase'], message['percent']
            else:
                self._answer, self._answered_s = message, time.monotonic()

    def _overhear(self, chunk: bytes) -> None:
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        _logger.debug('compiler: %s', chunk.decode(errors='replace').rstrip())

    def _crash(self, status: int) -> EngineBuildError:
        name = self._job.onnx_path
        if status == -signal.SIGKILL:
            return EngineBuildOutOfMemory(
                f'the compiler of {name} was killed while {self._phase}, as Linux does when '
                'memory runs out. Stop other programs, add swap, lower the workspace (now '
                f'{self._job.workspace_mib} MiB) or the optimisation level (now '
                f'{self._job.optimization_level})'
            )
        how = f'exit code {status}' if status >= 0 else signal.Signals(-status).name
        said = '\n'.join(self._tail.decode(errors='replace').splitlines()[-_TAIL_LINES:])
        return EngineBuildError(
            f'the compiler of {name} crashed while {self._phase} ({how}); try a lower '
            f'optimisation level or another version of TensorRT. Its last words: {said or "none"}'
        )


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _checked(file: IO[bytes], result: CompileResult) -> bytes:
    plan = _content(file)
    if sha256_of_bytes(plan) != result.plan_sha256:
        raise EngineBuildError(
            f'{len(plan)} bytes of a plan came from the compiler, others than the '
            f'{result.plan_bytes} that it announced; build again'
        )
    return plan


def _error_from(answer: Mapping[str, str]) -> RtformerError:
    kind = getattr(errors, answer['error'], EngineBuildError)
    assert issubclass(kind, RtformerError)
    error: RtformerError = kind(answer['message'])
    return error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the compiler, if it has not ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_TERMINATE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
