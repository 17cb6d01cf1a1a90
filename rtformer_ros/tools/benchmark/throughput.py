# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the tools that go through many images, beside the bare engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.bags.job import BagJob
from rtformer_ros.engines import Engine, EngineRequest, open_engine
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.imaging.codecs import encode_jpeg, encode_png
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from rtformer_ros.tools.benchmark.table import Cell, Column, Table

if TYPE_CHECKING:
    from rtformer_ros.segmentation import Pixels

_SIZE = (480, 640)
_JPEG_QUALITY = 90
_BLOCK_PX = 16
_PERIOD_NS = 33_333_333
_COLUMNS = (Column('tool'), Column('images/s', 1), Column('of the bare engine', 2))


def throughput_table(model: Path, engine: str, threads: int, images: int, rounds: int) -> Table:
    """
    Let `evaluate` and `process_bag` go through images of 640x480, in turns with the engine alone.

    Without their start: opening the model is not counted. The best of the rounds stands. Raises
    RtformerError where the model cannot be opened; what lacks a library is named below the table.
    """
    request = EngineRequest(model, engine, device='cpu', threads=threads)
    missing: list[str] = []
    best_s: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, closing(open_engine(request)) as opened:
        folder = Path(name)
        runs: dict[str, Callable[[], float]] = {'bare engine': lambda: _run_engine(opened, images)}
        for tool, prepare in (('evaluate', _evaluation), ('process_bag', _bag_run)):
            try:
                runs[tool] = prepare(folder / tool, opened, images, request)
            except ImportError as error:
                missing.append(f'left out: {tool}: {error}')
        for _ in range(rounds):
            for tool, run in runs.items():
                best_s[tool] = min(run(), best_s.get(tool, float('inf')))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (tool, images / seconds, best_s['bare engine'] / seconds)
        for tool, seconds in best_s.items()
    )
    title = f'{images} images of 640x480, {threads} thread(s), one process'
    return Table(title, _COLUMNS, rows, tuple(missing), bars=('images/s',))


def _run_engine(engine: Engine, images: int) -> float:
    described = engine.description
    image_nhwc = np.zeros((1, described.height, described.width, 3), np.uint8)
    started_s = time.perf_counter()
    for _ in range(images):
        engine.infer(image_nhwc)
    return time.perf_counter() - started_s


def _evaluation(
    folder: Path, engine: Engine, images: int, request: EngineRequest
) -> Callable[[], float]:
    """Return what evaluates JPEGs with random labels, and tells how long that took."""
    from rtformer_ros.evaluation.scores import evaluate
    from rtformer_ros.training.datasets.open_dataset import open_dataset

    del request
    labels = engine.description.labels
    for number in range(images):
        ids_hw = np.remainder(_picture(number)[..., 0], len(labels), dtype=np.uint8)
        write_atomically(
            folder / 'val' / 'images' / f'{number:04d}.jpg',
            encode_jpeg(_picture(number), _JPEG_QUALITY).tobytes(),
        )
        write_atomically(
            folder / 'val' / 'labels' / f'{number:04d}.png', encode_png(ids_hw).tobytes()
        )
    dataset = open_dataset('folder', folder, 'val', labels)
    segmenter = Segmenter(engine, SegmentSettings())

    def run() -> float:
        started_s = time.perf_counter()
        evaluate(dataset, lambda image_hwc: segmenter.segment(image_hwc).class_map_hw)
        return time.perf_counter() - started_s

    return run


def _bag_run(
    folder: Path, engine: Engine, images: int, request: EngineRequest
) -> Callable[[], float]:
    """Return what adds masks to a bag of raw images, and tells how long that took."""
    from rtformer_ros.bags.bag_run import locked_work_folder, prepare_run, run_bags
    from rtformer_ros.bags.workers import run_here

    source = folder / 'source'
    _write_bag(source, images)

    def run() -> float:
        job = BagJob(
            source=source,
            output=folder / f'made_{time.monotonic_ns()}',
            model=request.model,
            engine=engine.description.engine,
            device='cpu',
            threads=request.threads,
        )
        seen_s: list[float] = []
        with locked_work_folder(job):
            run_bags(
                [prepare_run(job)],
                lambda tasks: run_here(tasks, lambda: seen_s.append(time.perf_counter())),
                lambda _: None,
            )
        # From the first mask on, before which the model is opened, to the finished bag.
        return (time.perf_counter() - seen_s[0]) * images / (images - 1)

    return run


def _write_bag(folder: Path, images: int) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import get_typestore, Stores

    store = get_typestore(Stores.ROS2_HUMBLE)
    kinds = store.types
    image, header, stamp = (
        kinds[f'{package}/msg/{name}']
        for package, name in (
            ('sensor_msgs', 'Image'),
            ('std_msgs', 'Header'),
            ('builtin_interfaces', 'Time'),
        )
    )
    height, width = _SIZE
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Writer(folder, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection('/camera/image_raw', image.__msgtype__, typestore=store)
        for number in range(images):
            time_ns = number * _PERIOD_NS
            message = image(
                header=header(stamp=stamp(sec=0, nanosec=time_ns), frame_id='camera'),
                height=height, width=width, encoding='rgb8', is_bigendian=0, step=3 * width,
                data=_picture(number).reshape(-1),
            )  # fmt: skip
            data = store.serialize_cdr(message, image.__msgtype__)
            writer.write(topic, time_ns, data)


def _picture(seed: int) -> Pixels:
    """Return blocks of random colours, uint8 [480, 640, 3]."""
    height, width = _SIZE
    shape = (height // _BLOCK_PX, width // _BLOCK_PX, 3)
    blocks = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return blocks.repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
