# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of pictures and smoothing, made of a network's result: CPU time of one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.drawing.rendering import Rendering, RenderSettings
from rtformer_ros.imaging.codecs import encode_jpeg, encode_png
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.segmentation import Segmentation
from rtformer_ros.stream.statistics import Distribution
from rtformer_ros.stream.temporal_smoothing import TemporalSmoother
from rtformer_ros.tools.benchmark.cpu_time import cpu_times, opencv_on_one_core
from rtformer_ros.tools.benchmark.table import Column, Table

if TYPE_CHECKING:
    from rtformer_ros.segmentation import Pixels

_CLASSES = 11
_BLOCK_PX = 20
_JPEG_QUALITY = 90
_FRAME_S = 0.1


def pictures_table(size: tuple[int, int], network_size: tuple[int, int], runs: int) -> Table:
    """Return what each picture costs; sizes are height and width."""
    (height, width), (network_height, network_width) = size, network_size
    title = (
        f'pictures of {width}x{height}, smoothing at {network_width}x{network_height}: CPU time '
        'of one core'
    )
    columns = (Column('output'), Column('p50 ms', 3), Column('p95 ms', 3))
    rows = tuple(
        (output, times.p50_ms, times.p95_ms)
        for output, times in time_pictures(size, network_size, runs).items()
    )
    return Table(title, columns, rows, bars=('p50 ms',))


def time_pictures(
    size: tuple[int, int], network_size: tuple[int, int], runs: int
) -> Mapping[str, Distribution]:
    """Time each output of its own, as if it were the only one, and temporal_smoothing."""
    with opencv_on_one_core():
        rows = {**_drawn(size), 'temporal_smoothing': _smoothed(network_size)}
        return {output: cpu_times(run, runs) for output, run in rows.items()}


def _drawn(size: tuple[int, int]) -> dict[str, Callable[[], object]]:
    settings = RenderSettings(palette_rgb(LabelSet.generic(_CLASSES)))
    image_hwc, segmentation = _frame(size, seed=0)
    ids_hw, color_hwc = np.empty(size, np.uint8), np.empty((*size, 3), np.uint8)

    def draw(picture: Callable[[Rendering, Pixels], None], out: Pixels) -> Pixels:
        picture(Rendering(settings, image_hwc, segmentation), out)
        return out

    def jpeg(picture: Callable[[Rendering, Pixels], None]) -> object:
        return encode_jpeg(draw(picture, color_hwc), _JPEG_QUALITY)

    return {
        'mask': lambda: draw(Rendering.mask, ids_hw),
        'confidence': lambda: draw(Rendering.confidence, ids_hw),
        'color_mask': lambda: draw(Rendering.color_mask, color_hwc),
        'overlay': lambda: draw(Rendering.overlay, color_hwc),
        'mask/compressed': lambda: encode_png(draw(Rendering.mask, ids_hw)),
        'color_mask/compressed': lambda: jpeg(Rendering.color_mask),
        'overlay/compressed': lambda: jpeg(Rendering.overlay),
    }


def _smoothed(network_size: tuple[int, int]) -> Callable[[], object]:
    smoother, times_s = TemporalSmoother(0.8), iter(range(1 << 30))
    # Half of the classes change, as where a class is in doubt.
    frames = cycle([_frame(network_size, seed) for seed in (1, 2)])
    still_hwc, _ = _frame(network_size, seed=0)

    def run() -> object:
        _, segmentation = next(frames)
        return smoother.smooth(still_hwc, segmentation, next(times_s) * _FRAME_S)

    return run


def _frame(size: tuple[int, int], seed: int) -> tuple[Pixels, Segmentation]:
    """Return a soft picture, and classes in blocks, every other one of which goes by the seed."""
    height, width = size
    random, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    shape = (height // _BLOCK_PX, width // _BLOCK_PX)
    blocks = fixed.integers(0, _CLASSES, shape, np.uint8)
    blocks[:, ::2] = random.integers(0, _CLASSES, shape, np.uint8)[:, ::2]
    class_map_hw = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST)
    image_hwc = cv2.GaussianBlur(fixed.integers(0, 256, (*size, 3), np.uint8), (9, 9), 0)
    confidence_hw = random.integers(100, 256, size, np.uint8)
    return np.asarray(image_hwc, np.uint8), Segmentation(
        np.asarray(class_map_hw, np.uint8), confidence_hw
    )
