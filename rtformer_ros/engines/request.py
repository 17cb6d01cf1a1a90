# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The request for an engine, checked before any library is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, KW_ONLY
import os
import re
import threading
from typing import get_args, TYPE_CHECKING

from rtformer_ros.engines.precision import EnginePrecision
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.labels.label_set import LabelSet


OPTIMIZATION_LEVELS = range(6)
MOST_THREADS = 256

_CANCEL_POLL_S = 0.1


@dataclass(frozen=True)
class BuildOptions:
    """
    How an engine that compiles its model goes about it; the others ignore it.

    workspace_mib: scratch memory in MiB that the compiler may take. optimization_level: 0 (fast
    build) to 5 (fast plan). max_batch: the largest number of images in one call.
    Raises ConfigError for a value out of range.
    """

    workspace_mib: int = 1024
    optimization_level: int = 3
    max_batch: int = 1

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ('workspace_mib', 'max_batch'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} is {getattr(self, name)}; expected 1 or more')
        if self.optimization_level not in OPTIMIZATION_LEVELS:
            raise ConfigError(
                f'optimization_level is {self.optimization_level}; expected 0 to '
                f'{OPTIMIZATION_LEVELS.stop - 1}'
            )


@dataclass(frozen=True)
class BuildProgress:
    """How far a build is: what it does, percent (0..100, -1 where unknown), seconds so far."""

    phase: str
    percent: float
    elapsed_s: float


def _ignore(progress: BuildProgress) -> None:
    del progress


def _never() -> bool:
    return False


@dataclass(frozen=True)
class BuildWatch:
    """
    Callbacks of the caller of a build.

    report: called about once a second, from any thread. is_cancelled: called as often; once it
    returns True a build ends soon with EngineBuildCancelled, and an opening with some EngineError
    where the library can be interrupted.
    """

    report: Callable[[BuildProgress], None] = _ignore
    is_cancelled: Callable[[], bool] = _never

    @contextmanager
    def interrupts(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` once, from another thread, if this is cancelled during the block."""
        if self.is_cancelled is _never:
            yield
            return
        is_over = threading.Event()

        def attend() -> None:
            while not is_over.wait(_CANCEL_POLL_S):
                if self.is_cancelled():
                    interrupt()
                    return

        thread = threading.Thread(target=attend, name='cancellation', daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


@dataclass(frozen=True)
class EngineRequest:
    """
    What to open and how: the argument of `open_engine` and `needs_build`.

    model: an .onnx file, weights (.safetensors, .pdparams) or a TensorRT plan (.engine, .plan).
    engine: a name of `engine_names`, or 'auto' for the best that works here.
    device: 'auto', 'cpu', 'cuda' or 'cuda:N'; 'auto' takes CUDA where the library can. With
    OpenVINO also 'gpu', 'gpu:N' or 'npu', of Intel.
    threads: CPU threads; 0 leaves one core free. labels: classes, instead of those in the model
    file; labels_override: also where they have other names. network_size: (height, width) in
    pixels for a model that takes any size. precision: for engines that choose it when they open;
    'int8' opens the INT8 file beside the model. build, watch: for engines that compile the model
    first, see `needs_build`; may_build: whether opening may take the minutes of that, else it
    raises EngineBuildNeeded. gives_way: another engine is at work meanwhile and keeps its core,
    for which opening may take longer. frame_encoding: what the engine shall take frames of, where
    it can, beside images of the network's size (one of FRAME_ENCODINGS); '' for none.
    frames_later: an engine that would compile for them opens without, see Engine.awaited_frames.
    trials_later: 'auto' opens another engine in place of one that would try the model first, see
    EngineDescription.untried.
    Raises ModelError where there is no such file, ConfigError for a value that cannot be.
    """

    model: Path
    engine: str = 'auto'
    _: KW_ONLY
    device: str = 'auto'
    threads: int = 0
    labels: LabelSet | None = None
    labels_override: bool = False
    network_size: tuple[int, int] | None = None
    precision: EnginePrecision = 'auto'
    build: BuildOptions = field(default_factory=BuildOptions)
    watch: BuildWatch = field(default_factory=BuildWatch)
    may_build: bool = True
    gives_way: bool = False
    frame_encoding: str = ''
    frames_later: bool = False
    trials_later: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        if not self.model.is_file():
            raise ModelError(f'there is no model file {self.model}; give the path of a file')
        if not re.fullmatch(r'auto|cpu|npu|(cuda|gpu)(:\d+)?', self.device):
            raise ConfigError(
                f"device is '{self.device}'; expected auto, cpu, cuda or cuda:N, or of Intel, for "
                'OpenVINO, gpu, gpu:N or npu'
            )
        if not 0 <= self.threads <= MOST_THREADS:
            raise ConfigError(
                f'threads is {self.threads}; expected 0 (one core left free) to {MOST_THREADS}'
            )
        if self.network_size is not None and min(self.network_size) < 1:
            raise ConfigError(
                f'network_size is {self.network_size}; expected (height, width), each 1 or more'
            )
        if self.frame_encoding not in ('', *FRAME_ENCODINGS):
            raise ConfigError(
                f"frame_encoding is '{self.frame_encoding}'; expected one of "
                f'{", ".join(FRAME_ENCODINGS)}, or nothing'
            )
        precisions = get_args(EnginePrecision)
        if self.precision not in precisions:
            raise ConfigError(
                f"precision is '{self.precision}'; expected one of {', '.join(precisions)}"
            )

    @property
    def skips_failed(self) -> bool:
        """
        Return whether an engine that could not compile this model before leaves it alone.

        Only 'auto' has another engine to take instead.
        """
        return self.engine == 'auto'

    @property
    def thread_count(self) -> int:
        """Return the CPU threads to use: as asked, or all cores of this process but one."""
        return self.threads or max(1, usable_cores() - 1)

    @property
    def cuda_index(self) -> int:
        """Return the number of the CUDA device; 0 where none is named."""
        return int(self.device.partition(':')[2] or 0)


def usable_cores() -> int:
    """Return how many cores the scheduler lets this process use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fixed_size(
    height: int, width: int, request: EngineRequest, described: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """
    Return (height, width) of a model's input.

    height, width: pixels that the model is made for, 0 where it takes any. described: what its
    description says of these, 0 where it does not; it gives way to the request.
    Raises ConfigError when the request names another size than the model is made for, and where
    nobody names any.
    """
    wanted = request.network_size
    for own, asked in zip((height, width), wanted or (height, width), strict=True):
        if own and own != asked:
            raise ConfigError(
                f'network_size is {wanted}, but {request.model.name} is made for '
                f'{height or "any"} x {width or "any"} pixels (height x width); leave '
                'network_size out'
            )
    free_height, free_width = wanted or described
    height, width = height or free_height, width or free_width
    if not (height and width):
        raise ConfigError(
            f'{request.model.name} takes images of any size, and nothing names one; set '
            'network_size (the --size of tools), or write one into '
            f'{request.model.with_suffix(".yaml").name}, for example size: 640x360, width x '
            'height in pixels'
        )
    return height, width
