# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Draw which classes a model takes for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX, text_width_px, write_text

_MARGIN_PX = 8
_CELL_WIDTH_PX = 40
_BASELINE_PX = 16
_MOST_NUMBERED_CLASSES = 40
# So light that dark text stays readable on it.
_FULL_RGB = np.array([110, 170, 250], np.float64)
_EMPTY_RGB = np.array([255, 255, 255], np.float64)


def draw_confusion(
    confusion: npt.NDArray[np.int64], class_names: Sequence[str]
) -> npt.NDArray[np.uint8]:
    """
    Draw a confusion matrix, true classes in rows, as percentages of each row.

    confusion: int64 [classes, classes], pixels or images. Rows without one stay white; numbers are
    written where the classes are few. Returns uint8 [H, W, 3] RGB on white.
    """
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    is_numbered = len(class_names) <= _MOST_NUMBERED_CLASSES
    cell_width = _CELL_WIDTH_PX if is_numbered else ROW_HEIGHT_PX
    names = _names(class_names)
    left, top = names.shape[1], names.shape[1]
    size = (top + ROW_HEIGHT_PX * len(class_names), left + cell_width * len(class_names), 3)
    picture = np.full(size, 255, np.uint8)
    picture[top:, :left] = names
    picture[:top, left:] = _turned(names, cell_width)
    picture[top:, left:] = _cells(shares, cell_width)
    if is_numbered:
        _write_numbers(picture[top:, left:], shares, cell_width)
    return picture


def _names(class_names: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Draw one row a class with its name."""
    width = 2 * _MARGIN_PX + max(text_width_px(name) for name in class_names)
    picture = np.full((ROW_HEIGHT_PX * len(class_names), width, 3), 255, np.uint8)
    for row, name in enumerate(class_names):
        write_text(picture, name, _MARGIN_PX, row * ROW_HEIGHT_PX + _BASELINE_PX)
    return picture


def _turned(names: npt.NDArray[np.uint8], cell_width: int) -> npt.NDArray[np.uint8]:
    """Return rows of names as columns, each `cell_width` wide, read from below."""
    rows = names.reshape(-1, ROW_HEIGHT_PX, *names.shape[1:])
    before = (cell_width - ROW_HEIGHT_PX) // 2
    after = cell_width - ROW_HEIGHT_PX - before
    spread = np.pad(rows, ((0, 0), (before, after), (0, 0), (0, 0)), constant_values=255)
    return np.rot90(spread.reshape(-1, *names.shape[1:]))


def _cells(shares: npt.NDArray[np.float64], cell_width: int) -> npt.NDArray[np.uint8]:
    # The root makes rare confusions visible.
    colors = _EMPTY_RGB + np.sqrt(shares)[..., None] * (_FULL_RGB - _EMPTY_RGB)
    cells = colors.round().astype(np.uint8)
    picture: npt.NDArray[np.uint8] = np.repeat(np.repeat(cells, ROW_HEIGHT_PX, 0), cell_width, 1)
    return picture


def _write_numbers(
    cells: npt.NDArray[np.uint8], shares: npt.NDArray[np.float64], cell_width: int
) -> None:
    # OpenCV writes into contiguous arrays alone.
    canvas = np.ascontiguousarray(cells)
    for row, column in np.argwhere(shares >= 0.0005):
        text = f'{100 * shares[row, column]:.1f}'
        left = column * cell_width + (cell_width - text_width_px(text)) // 2
        write_text(canvas, text, int(left), int(row) * ROW_HEIGHT_PX + _BASELINE_PX)
    cells[:] = canvas
