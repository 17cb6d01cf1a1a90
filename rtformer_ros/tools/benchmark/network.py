# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the bare network, without a node around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
import time

import numpy as np
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.stream.statistics import Distribution

_WARM_UP_RUNS = 3


@dataclass(frozen=True)
class NetworkTiming:
    """How long one image takes in one runtime; `threads` is its number of CPU threads."""

    runtime: str
    threads: int
    times: Distribution


def time_engine(model: Path, engine: str, threads: int, runs: int) -> NetworkTiming:
    """
    Time an engine on one image of its own size, uint8 in and class map out.

    Raises RtformerError when the engine cannot be opened.
    """
    opened = open_engine(EngineRequest(model, engine, threads=threads))
    described = opened.description
    try:
        shape = (1, described.height, described.width, 3)
        image_nhwc = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        times = _distribution(lambda: opened.infer(image_nhwc), runs)
    finally:
        opened.close()
    return NetworkTiming(f'{described.engine} ({described.device})', threads, times)


def time_torch_eager(
    height: int, width: int, num_classes: int, threads: int, runs: int
) -> NetworkTiming:
    """
    Time RTFormer-Slim in PyTorch as it is written, float in and logits out, on the CPU.

    Raises ImportError where PyTorch is missing. Its weights are random: they cost the same.
    """
    from rtformer_ros.network.families.rtformer import build_rtformer
    import torch

    network = build_rtformer('slim', num_classes).eval()
    image = torch.randn(1, 3, height, width)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            times = _distribution(lambda: network(image), runs)
    finally:
        torch.set_num_threads(before)
    return NetworkTiming(f'torch {torch.__version__} eager (cpu)', threads, times)


def _distribution(run: Callable[[], object], runs: int) -> Distribution:
    for _ in range(_WARM_UP_RUNS):
        run()
    times_ms = []
    for _ in range(runs):
        started_s = time.perf_counter()
        run()
        times_ms.append((time.perf_counter() - started_s) * 1e3)
    return Distribution.of(times_ms)
