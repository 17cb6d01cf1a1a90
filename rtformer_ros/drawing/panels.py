# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Panels: pictures side by side, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX, write_text
from rtformer_ros.errors import ImageError

CAPTION_HEIGHT_PX = ROW_HEIGHT_PX
GAP_PX = 4
_MARGIN_PX = 6
_BACKGROUND = 255


def draw_panels(
    panels: Sequence[tuple[str, npt.NDArray[np.uint8]]],
) -> npt.NDArray[np.uint8]:
    """
    Draw captioned RGB pictures, uint8 [H, W, 3] of any sizes, from left to right.

    Returns uint8 [CAPTION_HEIGHT_PX + greatest H, widths + GAP_PX between them, 3] on white.
    Raises ImageError when there is no picture.
    """
    if not panels:
        raise ImageError('no picture to draw; expected one or more (caption, image)')
    height = CAPTION_HEIGHT_PX + max(image.shape[0] for _, image in panels)
    width = sum(image.shape[1] for _, image in panels) + GAP_PX * (len(panels) - 1)
    canvas = np.full((height, width, 3), _BACKGROUND, np.uint8)
    left = 0
    for caption, image in panels:
        rows, columns = image.shape[:2]
        write_text(canvas, caption, left + _MARGIN_PX, CAPTION_HEIGHT_PX - _MARGIN_PX)
        canvas[CAPTION_HEIGHT_PX : CAPTION_HEIGHT_PX + rows, left : left + columns] = image
        left += columns + GAP_PX
    return canvas
