# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measure networks beside each other: exported, counted, and run in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
import tempfile

import numpy as np
import numpy.typing as npt
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.network.weights.checkpoint import Checkpoint, save_checkpoint
from rtformer_ros.tools.benchmark.engines import in_turns
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.compare_networks.candidate import Candidate
from rtformer_ros.tools.compare_networks.operations import count_multiplications
from rtformer_ros.tools.settled_network import settled_network

_WARM_UP_RUNS = 2
_COLUMNS = (
    Column('network'),
    Column('parameters M', 2),
    Column('GMAC', 2),
    Column('min ms', 1),
    Column('median ms', 1),
    Column('CPU min ms', 1),
    Column('mIoU %', 2),
)


@dataclass(frozen=True)
class ComparisonCase:
    """What networks are compared on: pixels of an image, classes, threads, rounds in turns."""

    height: int
    width: int
    classes: int
    threads: int
    rounds: int


def comparison_table(
    candidates: Sequence[Candidate], case: ComparisonCase, on_built: Callable[[], None]
) -> Table:
    """
    Build, export and time networks with fresh weights.

    They cost what trained ones do, and the same each time; see settled_network. ONNX Runtime runs
    them in turns, so that whatever else the machine does meets all alike.
    on_built: is called when all have been built and exported, before they are timed.
    Raises ConfigError for a network that cannot be, ModelError where one cannot be exported.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths = [Path(folder) / f'{number}.onnx' for number, _ in enumerate(candidates)]
        image_nhwc = np.random.default_rng(0).integers(
            0, 256, (1, case.height, case.width, 3), np.uint8
        )
        parameters = [
            _export(candidate, path, case.classes, image_nhwc)
            for candidate, path in zip(candidates, paths, strict=True)
        ]
        on_built()
        counts = [count_multiplications(path) for path in paths]
        runs = {}
        for candidate, path in zip(candidates, paths, strict=True):
            request = EngineRequest(path, 'onnxruntime', device='cpu', threads=case.threads)
            engine = stack.enter_context(closing(open_engine(request)))
            runs[candidate.title] = partial(engine.infer, image_nhwc)
        in_turns(runs, _WARM_UP_RUNS)
        times = in_turns(runs, case.rounds)
    rows = tuple(
        (
            candidate.title,
            parameters[number] / 1e6,
            counts[number] / 1e9,
            min(wall_ms for wall_ms, _ in times[candidate.title]),
            median(wall_ms for wall_ms, _ in times[candidate.title]),
            min(cpu_ms for _, cpu_ms in times[candidate.title]),
            100 * candidate.mean_iou,
        )
        for number, candidate in enumerate(candidates)
    )
    title = (
        f'networks on one image of {case.width}x{case.height}, {case.classes} classes, ONNX '
        f'Runtime FP32, {case.threads} thread(s), {case.rounds} rounds in turns'
    )
    return Table(title, _COLUMNS, rows, bars=('min ms', 'median ms'))


def _export(
    candidate: Candidate, path: Path, classes: int, image_nhwc: npt.NDArray[np.uint8]
) -> int:
    """Write a network's ONNX file for images like one; return the number of its parameters."""
    network = settled_network(candidate.network, classes, image_nhwc, **candidate.options)
    weights = path.with_suffix('.safetensors')
    save_checkpoint(Checkpoint.of(network), weights)
    _, height, width, _ = image_nhwc.shape
    export_onnx(weights, path, height, width)
    return sum(weight.numel() for weight in network.parameters())
