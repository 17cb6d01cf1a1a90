# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Show the images that a model segments worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from rtformer_ros.drawing.class_colors import colorize
from rtformer_ros.drawing.legend import draw_legend
from rtformer_ros.drawing.panels import draw_panels
from rtformer_ros.evaluation.scores import Evaluation, ImageScore
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.training.data.sample_store import decode_sample
from rtformer_ros.training.datasets.dataset import IGNORED

if TYPE_CHECKING:
    from rtformer_ros.segmentation import Pixels

_WIDEST_PX = 480
_WRONG_RGB = (230, 30, 30)
_DIMMED = 0.5


def draw_gallery(evaluation: Evaluation) -> Pixels | None:
    """
    Draw a row for each of the worst images: input, prediction, truth, errors.

    Ignored pixels are black in truth and errors. Returns uint8 [H, W, 3] RGB with a legend of the
    classes that occur, or None where there is no image to show.
    """
    if not evaluation.worst:
        return None
    palette = palette_rgb(evaluation.dataset.labels)
    rows, present = [], set()
    for score, predicted_hw in evaluation.worst:
        image_hwc, truth_hw = decode_sample(evaluation.dataset, score.sample)
        rows.append(_row(score, (image_hwc, predicted_hw, truth_hw), palette))
        present |= set(np.unique(predicted_hw).tolist()) | set(np.unique(truth_hw).tolist())
    legend = draw_legend(evaluation.dataset.labels, palette, sorted(present - {IGNORED}))
    return _beside(_below(rows), legend)


def draw_errors(image_hwc: Pixels, predicted_hw: Pixels, truth_hw: Pixels) -> Pixels:
    """Return the image in dim grey, uint8 [h, w, 3], wrong pixels red and ignored ones black."""
    grey = cv2.cvtColor(image_hwc, cv2.COLOR_RGB2GRAY)
    picture = np.repeat((grey * _DIMMED).astype(np.uint8)[..., None], 3, axis=2)
    picture[predicted_hw != truth_hw] = _WRONG_RGB
    picture[truth_hw == IGNORED] = 0
    return picture


def _row(score: ImageScore, maps: tuple[Pixels, Pixels, Pixels], palette: Pixels) -> Pixels:
    image_hwc, predicted_hw, truth_hw = maps
    caption = (
        f'{score.sample.image.stem}: mIoU {100 * score.mean_iou:.1f} %, '
        f'accuracy {100 * score.pixel_accuracy:.1f} %'
    )
    return draw_panels(
        [
            (caption, _shrunk(image_hwc, cv2.INTER_AREA)),
            ('prediction', _shrunk(colorize(predicted_hw, palette), cv2.INTER_NEAREST)),
            ('truth', _shrunk(colorize(truth_hw, palette), cv2.INTER_NEAREST)),
            (
                'errors: red',
                _shrunk(draw_errors(image_hwc, predicted_hw, truth_hw), cv2.INTER_NEAREST),
            ),
        ]
    )


def _shrunk(picture: Pixels, method: int) -> Pixels:
    height, width = picture.shape[:2]
    if width <= _WIDEST_PX:
        return picture
    size = (_WIDEST_PX, max(1, round(height * _WIDEST_PX / width)))
    return cv2.resize(picture, size, interpolation=method)  # type: ignore[return-value]


def _below(rows: list[Pixels]) -> Pixels:
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_filled(row, row.shape[0], width) for row in rows], axis=0)


def _beside(left: Pixels, right: Pixels) -> Pixels:
    height = max(left.shape[0], right.shape[0])
    return np.concatenate([_filled(p, height, p.shape[1]) for p in (left, right)], axis=1)


def _filled(picture: Pixels, height: int, width: int) -> Pixels:
    missing = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, missing, constant_values=255)
