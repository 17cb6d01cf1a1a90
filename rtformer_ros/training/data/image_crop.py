# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Cut images that are classified as a whole: at random to train, the middle to score."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt
from rtformer_ros.imaging.resize import scale_image
from rtformer_ros.training.data.color import distort_colors
from rtformer_ros.training.data.corruptions import corrupt
from rtformer_ros.training.data.image_store import ImageStore
from rtformer_ros.training.data.sample_store import ImageHwc
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.recipe import CropRecipe, ImageCropRecipe, Recipe

_MOST_TRIES = 10

Window = tuple[int, int, int, int]
"""A part of an image: top, left, height and width in pixels."""


@dataclass(frozen=True)
class ImageAugmenter:
    """Make training crops of the images in a store, as a recipe says."""

    store: ImageStore
    recipe: Recipe

    def crop(self, index: int, rng: np.random.Generator) -> tuple[ImageHwc, npt.NDArray[np.int64]]:
        """Return a crop of image `index`, RGB uint8 [h, w, 3], and the id of its class, []."""
        image, class_id = self.store.load(index)
        recipe = self.recipe
        image = random_resized_crop(image, recipe.crop, recipe.image_crop, rng)
        # No pixel has a class of its own.
        no_label = np.full(image.shape[:2], IGNORED, np.uint8)
        image = distort_colors(image, no_label, recipe.color, rng)
        return corrupt(image, recipe.weather, rng), np.array(class_id, np.int64)


def random_resized_crop(
    image_hwc: ImageHwc, crop: CropRecipe, recipe: ImageCropRecipe, rng: np.random.Generator
) -> ImageHwc:
    """Return a random part of an image, brought to crop.height x crop.width, maybe mirrored."""
    height, width = image_hwc.shape[:2]
    aspect = crop.width / crop.height
    top, left, rows, columns = random_window(height, width, aspect, recipe, rng)
    part = image_hwc[top : top + rows, left : left + columns]
    if rng.random() < crop.flip_chance:
        part = part[:, ::-1]
    return np.ascontiguousarray(scale_image(part, crop.height, crop.width))


def random_window(
    height: int, width: int, aspect: float, recipe: ImageCropRecipe, rng: np.random.Generator
) -> Window:
    """
    Return a part of an image of height x width pixels, of random area, shape and place.

    aspect: width / height of the crop. Where no part that was drawn fits, as in a panorama, the
    largest one in the middle whose shape may be drawn.
    """
    most = math.log(recipe.aspect_max)
    for _ in range(_MOST_TRIES):
        area = height * width * rng.uniform(recipe.area_min, recipe.area_max)
        shape = aspect * math.exp(rng.uniform(-most, most))
        rows, columns = round(math.sqrt(area / shape)), round(math.sqrt(area * shape))
        if 0 < rows <= height and 0 < columns <= width:
            top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
            return int(top), int(left), rows, columns
    nearest = min(max(width / height, aspect / recipe.aspect_max), aspect * recipe.aspect_max)
    return middle_window(height, width, nearest)


def middle_window(height: int, width: int, aspect: float, share: float = 1.0) -> Window:
    """Return the middle of an image: `share` of the largest part of that width / height."""
    rows = max(1, round(share * min(height, width / aspect)))
    columns = max(1, round(share * min(width, height * aspect)))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def middle_crop(image_hwc: ImageHwc, height: int, width: int, share: float) -> ImageHwc:
    """Return the middle of an image, uint8 [height, width, 3]; see middle_window."""
    image_height, image_width = image_hwc.shape[:2]
    aspect = width / height
    top, left, rows, columns = middle_window(image_height, image_width, aspect, share)
    part = image_hwc[top : top + rows, left : left + columns]
    return np.ascontiguousarray(scale_image(part, height, width))
