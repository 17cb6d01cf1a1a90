# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Turn samples into training crops: geometry, pasted objects, colours, corruptions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError
from rtformer_ros.training.data.color import distort_colors
from rtformer_ros.training.data.corruptions import corrupt
from rtformer_ros.training.data.crop import random_crop
from rtformer_ros.training.data.sample_store import ImageHwc, LabelHw, SampleStore
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.recipe import Recipe

_EDGE_SIGMA_PX = 0.7


@dataclass(frozen=True)
class Augmenter:
    """Make crops of the samples in a store, as a recipe says."""

    store: SampleStore
    recipe: Recipe

    def __post_init__(self) -> None:
        """Raise ConfigError for a class to paste that the data set has not."""
        names = self.store.dataset.labels.names
        unknown = [name for name in self.recipe.copy_paste.classes if name not in names]
        if unknown:
            raise ConfigError(
                f'copy_paste.classes names {", ".join(unknown)}; expected some of: '
                f'{", ".join(names)}'
            )

    def crop(self, index: int, rng: np.random.Generator) -> tuple[ImageHwc, LabelHw]:
        """Return a crop of sample `index`, RGB uint8 [h, w, 3], and its classes, uint8 [h, w]."""
        image, label = random_crop(*self.store.load(index), self.recipe.crop, rng)
        if self._donors and rng.random() < self.recipe.copy_paste.chance:
            image, label = self._with_pasted(image, label, rng)
        image = distort_colors(image, label, self.recipe.color, rng)
        return corrupt(image, self.recipe.weather, rng), label

    @cached_property
    def _donors(self) -> dict[int, npt.NDArray[np.int64]]:
        """The samples that show a class to paste, by its id."""
        names = self.store.dataset.labels.names
        ids = [names.index(name) for name in self.recipe.copy_paste.classes]
        donors = {i: np.flatnonzero(self.store.pixel_counts[:, i] > 0) for i in ids}
        return {class_id: samples for class_id, samples in donors.items() if samples.size}

    def _with_pasted(
        self, image: ImageHwc, label: LabelHw, rng: np.random.Generator
    ) -> tuple[ImageHwc, LabelHw]:
        """Paste all objects of the wanted classes from another crop, at the place they have."""
        wanted = np.array(list(self._donors))
        focus = int(rng.choice(wanted))
        donor = int(rng.choice(self._donors[focus]))
        other_image, other_label = random_crop(
            *self.store.load(donor), self.recipe.crop, rng, focus_classes=np.array([focus])
        )
        return paste(image, label, other_image, other_label, wanted)


def paste(
    image: ImageHwc,
    label: LabelHw,
    other_image: ImageHwc,
    other_label: LabelHw,
    classes: npt.NDArray[np.int64],
) -> tuple[ImageHwc, LabelHw]:
    """Return an image with another's pixels of some classes laid over it, edges softened."""
    is_pasted = np.isin(other_label, classes) & (label != IGNORED)
    if not is_pasted.any():
        return image, label
    share = cv2.GaussianBlur(is_pasted.astype(np.float32), (0, 0), _EDGE_SIGMA_PX)[..., None]
    mixed = image + (other_image.astype(np.float32) - image) * share
    return mixed.round().astype(np.uint8), np.where(is_pasted, other_label, label)
