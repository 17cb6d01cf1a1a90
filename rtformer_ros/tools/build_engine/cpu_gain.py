# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Gain of an INT8 model on the CPU of this machine: CPU time a frame, beside its FP32 model."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
import time
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines import Engine, EngineRequest, open_engine
from rtformer_ros.engines.bundled_images import bundled_images
from rtformer_ros.engines.reduced_precision.cpu_features import cpu_flags, describe_flags

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST_GAIN = 1.1
"""Below this, INT8 loses exactness for nothing."""

_WARM_UP_RUNS = 2
_RUNS = 20


@dataclass(frozen=True)
class CpuGain:
    """
    CPU time of ONNX Runtime for a frame with one thread, before and after.

    The medians of runs in turn: what else the machine does meets both alike.
    """

    before_ms: float
    after_ms: float

    @property
    def ratio(self) -> float:
        """Return how many times as fast the model became."""
        return self.before_ms / self.after_ms

    def __str__(self) -> str:
        """Return one line for people, with the conditions."""
        return (
            f'{self.ratio:.2f} times as fast on this CPU ({describe_flags(cpu_flags())}): '
            f'{self.after_ms:.1f} instead of {self.before_ms:.1f} ms of CPU time a frame, medians '
            f'of {_RUNS} interleaved runs of ONNX Runtime with one thread'
        )


def measure_cpu_gain(before: Path, after: Path, size: tuple[int, int] | None) -> CpuGain:
    """
    Run two ONNX models in turn on a photograph.

    size: (height, width) in pixels for models that take any size, None for the models' own.
    Raises RtformerError where one of them cannot be run.
    """
    requests = [
        EngineRequest(model, 'onnxruntime', device='cpu', threads=1, network_size=size)
        for model in (before, after)
    ]
    with closing(open_engine(requests[0])) as first, closing(open_engine(requests[1])) as second:
        described = first.description
        image_nhwc = bundled_images((described.height, described.width))[:1]
        engines = (first, second)
        for engine in engines * _WARM_UP_RUNS:
            engine.infer(image_nhwc)
        turns = [[_cpu_time_ms(engine, image_nhwc) for engine in engines] for _ in range(_RUNS)]
    return CpuGain(*(median(times_ms) for times_ms in zip(*turns, strict=True)))


def _cpu_time_ms(engine: Engine, image_nhwc: npt.NDArray[np.uint8]) -> float:
    started_s = time.process_time()
    engine.infer(image_nhwc)
    return (time.process_time() - started_s) * 1e3
