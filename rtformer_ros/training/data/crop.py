# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Cut a training crop out of an image and its label: scale, turn, mirror, place."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.network.architecture import MEAN_RGB
from rtformer_ros.training.data.sample_store import ImageHwc, LabelHw
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.recipe import CropRecipe

PlaneArray = npt.NDArray[np.float64]
"""Points, vectors [2] and linear maps [2, 2] of the image plane, in the order x, y."""

_PADDING_RGB = tuple(round(255 * mean) for mean in MEAN_RGB)


def random_crop(
    image_hwc: ImageHwc,
    label_hw: LabelHw,
    recipe: CropRecipe,
    rng: np.random.Generator,
    focus_classes: npt.NDArray[np.int64] | None = None,
) -> tuple[ImageHwc, LabelHw]:
    """
    Return a crop of recipe.height x recipe.width and its label, drawn by `rng`.

    focus_classes: lay the crop around a pixel of one of these, where the label has one. What lies
    beyond the image is grey and IGNORED.
    """
    size_hw = (recipe.height, recipe.width)
    linear = _linear_part(recipe, rng)
    low, high = _centre_range(image_hwc.shape[:2], size_hw, linear)
    centre = rng.uniform(low, high)
    if focus_classes is None and rng.random() < recipe.focus_chance:
        focus_classes = np.unique(label_hw)
    if focus_classes is not None:
        point = _focus_point(label_hw, focus_classes, rng)
        if point is not None:
            reach = np.abs(linear) @ np.array(size_hw[::-1]) * 0.4
            centre = np.clip(point + rng.uniform(-reach, reach), low, high)
    return cut(image_hwc, label_hw, size_hw, linear, centre)


def cut(
    image_hwc: ImageHwc,
    label_hw: LabelHw,
    size_hw: tuple[int, int],
    linear: PlaneArray,
    centre_xy: PlaneArray,
) -> tuple[ImageHwc, LabelHw]:
    """
    Return the pixels around `centre_xy`: bilinear ones of the image, nearest ones of the label.

    linear: [2, 2], from a step in the crop (x, y) to the step in the image that it stands for.
    """
    height, width = size_hw
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    to_image = np.column_stack([linear, centre_xy - linear @ middle])
    image = cv2.warpAffine(
        image_hwc,
        to_image,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=_PADDING_RGB,
    )
    label = cv2.warpAffine(
        label_hw,
        to_image,
        (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderValue=(IGNORED,),
    )
    return image, label  # type: ignore[return-value]


def _linear_part(recipe: CropRecipe, rng: np.random.Generator) -> PlaneArray:
    scale = np.exp(rng.uniform(np.log(recipe.scale_min), np.log(recipe.scale_max)))
    stretch = np.exp(rng.uniform(-1, 1) * np.log1p(recipe.aspect_jitter) / 2)
    angle = np.deg2rad(rng.uniform(-1, 1) * recipe.rotation_deg)
    mirror = -1.0 if rng.random() < recipe.flip_chance else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear: PlaneArray = turn @ np.diag([mirror / (scale * stretch), stretch / scale])
    return linear


def _centre_range(
    image_hw: tuple[int, ...], size_hw: tuple[int, int], linear: PlaneArray
) -> tuple[PlaneArray, PlaneArray]:
    """Return the least and greatest centres (x, y) that show as much of the image as possible."""
    image_wh = np.array(image_hw[::-1], np.float64)
    half_crop = np.linalg.norm(linear, axis=0) * np.array(size_hw[::-1]) / 2
    ends = np.stack([half_crop, image_wh - half_crop]) - 0.5
    return ends.min(axis=0), ends.max(axis=0)


def _focus_point(
    label_hw: LabelHw, classes: npt.NDArray[np.int64], rng: np.random.Generator
) -> PlaneArray | None:
    candidates = classes[classes != IGNORED]
    if candidates.size == 0:
        return None
    places = np.flatnonzero(label_hw == rng.choice(candidates))
    if places.size == 0:
        return None
    y, x = divmod(int(rng.choice(places)), label_hw.shape[1])
    return np.array([x, y], np.float64)
