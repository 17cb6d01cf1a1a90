# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Legend: which colour is which class; text and swatches."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import ColorRgb, LabelSet

ROW_HEIGHT_PX = 22
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.45
_MARGIN_PX = 8
_SWATCH_PX = 14
_BACKGROUND = 255
_INK = (32, 32, 32)


def draw_legend(
    labels: LabelSet, palette: npt.NDArray[np.uint8], class_ids: Sequence[int] | None = None
) -> npt.NDArray[np.uint8]:
    """
    Draw one row for each class: a swatch of its colour and its name.

    palette: uint8 [256, 3] RGB; class_ids: which classes and in which order, all where None.
    Returns uint8 [ROW_HEIGHT_PX * rows, W, 3] RGB, as wide as the longest name needs.
    Raises ConfigError when `class_ids` is empty or has an id that no class has.
    """
    ids = range(len(labels)) if class_ids is None else class_ids
    if not ids or not all(0 <= class_id < len(labels) for class_id in ids):
        raise ConfigError(
            f'a legend for the class ids {list(ids)}; expected one or more of 0 to '
            f'{len(labels) - 1}'
        )
    colors = [tuple(palette[class_id].tolist()) for class_id in ids]
    names = [labels.names[class_id] for class_id in ids]
    return draw_swatches(list(zip(names, colors, strict=True)))


def draw_swatches(rows: Sequence[tuple[str, ColorRgb]]) -> npt.NDArray[np.uint8]:
    """
    Draw one row for each name and colour (RGB, 0..255), at least one.

    Returns uint8 [ROW_HEIGHT_PX * rows, W, 3] RGB, as wide as the longest name needs.
    """
    names = [printable(name) for name, _ in rows]
    text_left = 2 * _MARGIN_PX + _SWATCH_PX
    width = text_left + max(text_width_px(name) for name in names) + _MARGIN_PX
    legend = np.full((ROW_HEIGHT_PX * len(rows), width, 3), _BACKGROUND, np.uint8)
    for row, (name, color_rgb) in enumerate(rows):
        top = row * ROW_HEIGHT_PX + (ROW_HEIGHT_PX - _SWATCH_PX) // 2
        swatch = legend[top : top + _SWATCH_PX, _MARGIN_PX : _MARGIN_PX + _SWATCH_PX]
        swatch[:] = _INK
        swatch[1:-1, 1:-1] = color_rgb
        write_text(legend, name, text_left, top + _SWATCH_PX - 2)
    return legend


def write_text(
    image_hwc: npt.NDArray[np.uint8], text: str, left_px: int, baseline_px: int
) -> None:
    """Write one line of dark text into a contiguous RGB image; see printable()."""
    origin = (left_px, baseline_px)
    cv2.putText(image_hwc, printable(text), origin, _FONT, _FONT_SCALE, _INK, 1, cv2.LINE_AA)


def text_width_px(text: str) -> int:
    """Return how many pixels wide `write_text` writes this text."""
    (width, _), _ = cv2.getTextSize(printable(text), _FONT, _FONT_SCALE, 1)
    return width


def printable(text: str) -> str:
    """Return the text with '?' for the letters that OpenCV's font lacks (all but ASCII)."""
    return text.encode('ascii', 'replace').decode('ascii')
