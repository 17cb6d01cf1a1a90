# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of engines and precisions: one image through each, in turns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, ExitStack
from functools import partial
from pathlib import Path
from statistics import median
import time

import numpy as np
import numpy.typing as npt
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.precision import EnginePrecision
from rtformer_ros.engines.reduced_precision.cpu_features import computes_bf16, cpu_flags
from rtformer_ros.errors import EngineUnavailable, RtformerError, shown
from rtformer_ros.tools.benchmark.table import Cell, Column, Table

Run = Callable[[npt.NDArray[np.uint8]], object]
"""Segments one image, uint8 [1, H, W, 3]."""

Opener = Callable[[Path, int], AbstractContextManager[Run]]
"""Opens a model with a number of threads; raises RtformerError or ImportError."""

_WARM_UP_RUNS = 3
_COLUMNS = (
    Column('runtime'),
    Column('min ms', 1),
    Column('median ms', 1),
    Column('CPU min ms', 1),
    Column('times as fast', 2),
)


def engines_table(model: Path, threads: int, rounds: int, names: Collection[str] = ()) -> Table:
    """
    Time each runtime that can be had on one image of the model's own size.

    names: of the runtimes, () for all. They run in turns, `rounds` times, so that whatever else
    the machine does meets all alike. The rest is named below the table, with the reason. Raises
    RtformerError where the model is none.
    """
    with closing(open_engine(EngineRequest(model, device='cpu', threads=threads))) as engine:
        described = engine.description
    shape = (1, described.height, described.width, 3)
    image_nhwc = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with ExitStack() as stack:
        runs, missing = {}, []
        for name, opener in _openers(len(described.labels), image_nhwc).items():
            if names and name not in names:
                continue
            try:
                run = stack.enter_context(opener(model, threads))
                for _ in range(_WARM_UP_RUNS):
                    run(image_nhwc)
                runs[name] = partial(run, image_nhwc)
            # PyTorch's compiler, which lacks a C++ compiler, raises RuntimeError at its first run.
            except (RtformerError, ImportError, RuntimeError) as error:
                missing.append(f'left out: {name}: {shown(str(error).splitlines()[0])}')
        times = in_turns(runs, rounds)
    title = (
        f'engines, one image of {described.width}x{described.height}, uint8 in, classes and '
        f'confidence out, {threads} thread(s), {rounds} rounds in turns'
    )
    return Table(title, _COLUMNS, _rows(times), tuple(missing), bars=('min ms', 'median ms'))


def bare_p50_ms(model: Path, engine: str, threads: int, runs: int) -> float:
    """Return the median time of an engine for one image; raises as open_engine does."""
    with closing(open_engine(EngineRequest(model, engine, threads=threads))) as opened:
        shape = (1, opened.description.height, opened.description.width, 3)
        run = partial(opened.infer, np.zeros(shape, np.uint8))
        return median(wall_ms for wall_ms, _ in in_turns({engine: run}, runs)[engine])


def _openers(num_classes: int, image_nhwc: npt.NDArray[np.uint8]) -> dict[str, Opener]:
    return {
        'onnxruntime': partial(_engine, 'onnxruntime', 'auto'),
        'onnxruntime, INT8': partial(_engine, 'onnxruntime', 'int8'),
        'openvino, FP32': partial(_engine, 'openvino', 'fp32'),
        'openvino, bf16': partial(_engine, 'openvino', 'bf16'),
        'openvino, INT8': partial(_engine, 'openvino', 'int8'),
        'bare ONNX Runtime': _bare_session,
        'bare PyTorch, eager': partial(_torch, num_classes, image_nhwc, False),
        'bare PyTorch, compiled': partial(_torch, num_classes, image_nhwc, True),
    }


@contextmanager
def _engine(engine: str, precision: EnginePrecision, model: Path, threads: int) -> Iterator[Run]:
    if precision == 'bf16' and not computes_bf16(cpu_flags()):
        raise EngineUnavailable('this processor does not multiply in bf16')
    request = EngineRequest(model, engine, device='cpu', threads=threads, precision=precision)
    opened = open_engine(request)
    try:
        yield opened.infer
    finally:
        opened.close()


@contextmanager
def _bare_session(model: Path, threads: int) -> Iterator[Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ['CPUExecutionProvider']
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=providers)
    except Exception as error:  # its exceptions have no base of their own
        raise EngineUnavailable(f'ONNX Runtime does not read {model}: {error}') from error
    name = session.get_inputs()[0].name
    yield lambda image_nhwc: session.run(None, {name: image_nhwc})


@contextmanager
def _torch(
    num_classes: int,
    image_nhwc: npt.NDArray[np.uint8],
    is_compiled: bool,
    model: Path,
    threads: int,
) -> Iterator[Run]:
    """Give RTFormer-Slim as it is written; fresh weights cost what trained ones do."""
    from rtformer_ros.network.image_segmenter import ImageSegmenter
    from rtformer_ros.tools.settled_network import settled_network
    import torch

    del model
    segmenter: Callable[[torch.Tensor], object] = ImageSegmenter(
        settled_network('rtformer_slim', num_classes, image_nhwc)
    ).eval()
    if is_compiled:
        segmenter = torch.compile(segmenter)

    def run(image_nhwc: npt.NDArray[np.uint8]) -> object:
        with torch.inference_mode():
            return segmenter(torch.from_numpy(image_nhwc))

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield run
    finally:
        torch.set_num_threads(before)


def in_turns(
    runs: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Return, for each, milliseconds of wall clock and of CPU time (all threads) of every run."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            run()
            times[name].append(
                ((time.perf_counter() - wall_s) * 1e3, (time.process_time() - cpu_s) * 1e3)
            )
    return times


def _rows(times: Mapping[str, list[tuple[float, float]]]) -> tuple[tuple[Cell, ...], ...]:
    medians = {name: median(wall_ms for wall_ms, _ in each) for name, each in times.items()}
    yardstick = next(iter(medians.values()), float('nan'))
    return tuple(
        (
            name,
            min(wall_ms for wall_ms, _ in each),
            medians[name],
            min(cpu_ms for _, cpu_ms in each),
            yardstick / medians[name],
        )
        for name, each in times.items()
    )
