# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Draw what a run trains on and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rtformer_ros.drawing.class_colors import colorize
from rtformer_ros.drawing.legend import text_width_px
from rtformer_ros.drawing.panels import draw_panels
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.training.data.sample_store import ImageHwc

_CAPTION_MARGIN_PX = 12


def draw_rows(
    rows: Sequence[tuple[ImageHwc, Sequence[npt.NDArray[np.uint8]]]], labels: LabelSet
) -> ImageHwc:
    """
    Draw one row a sample: its image, then its class maps in colour.

    rows: (image uint8 [h, w, 3] RGB, class maps uint8 [h, w]). Rows narrower than the widest are
    filled with black.
    """
    palette = palette_rgb(labels)
    strips = [
        np.concatenate([image, *(colorize(class_map, palette) for class_map in maps)], axis=1)
        for image, maps in rows
    ]
    width = max(strip.shape[1] for strip in strips)
    filled = [np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0))) for s in strips]
    return np.concatenate(filled, axis=0)


def draw_captioned(panels: Sequence[tuple[str, ImageHwc]]) -> ImageHwc:
    """Draw images, RGB uint8 [h, w, 3], side by side under captions, each as wide as it needs."""
    wide = []
    for caption, image in panels:
        missing = max(0, text_width_px(caption) + _CAPTION_MARGIN_PX - image.shape[1])
        right = ((0, 0), (0, missing), (0, 0))
        wide.append((caption, np.pad(image, right, constant_values=255)))
    return draw_panels(wide)
