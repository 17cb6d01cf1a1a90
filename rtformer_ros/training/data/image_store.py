# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Decode and check classified images, and keep them in memory where they fit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.training.data.decoding import BoundedMemory, decoded_in_order, read_picture
from rtformer_ros.training.data.sample_store import ImageHwc, MEMORY_LIMIT_BYTES
from rtformer_ros.training.datasets.class_folders import ClassificationDataset, ClassifiedImage
from tqdm import tqdm

_THREADS = 2


@dataclass(frozen=True)
class ImageStore:
    """Images that were all found to be whole; decoded: None where they are too many to keep."""

    dataset: ClassificationDataset
    decoded: tuple[ImageHwc, ...] | None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.dataset.samples)

    def load(self, index: int) -> tuple[ImageHwc, int]:
        """Return an image, RGB uint8 [h, w, 3], and the id of its class."""
        sample = self.dataset.samples[index]
        image = self.decoded[index] if self.decoded is not None else decode_classified(sample)
        return image, sample.class_id

    def class_shares(self) -> npt.NDArray[np.float64]:
        """Return each class's share of the images [classes]; they add up to 1."""
        ids = [sample.class_id for sample in self.dataset.samples]
        counts = np.bincount(ids, minlength=len(self.dataset.class_names))
        shares: npt.NDArray[np.float64] = counts / max(1, len(ids))
        return shares


def filled_image_store(
    dataset: ClassificationDataset,
    *,
    is_silent: bool = False,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
) -> ImageStore:
    """
    Decode every image once, with a progress bar on stderr, and return the store.

    Images stay in memory while they take less than `memory_limit_bytes`. Raises ImageError,
    naming the file, for the first one that is broken.
    """
    memory = BoundedMemory[ImageHwc](memory_limit_bytes)
    images = decoded_in_order(dataset.samples, decode_classified, _THREADS)
    bar = tqdm(
        images, total=len(dataset.samples), desc=dataset.name, unit='image', disable=is_silent
    )
    for image in bar:
        memory.add(image, image.nbytes)
    return ImageStore(dataset, memory.items)


def decode_classified(sample: ClassifiedImage) -> ImageHwc:
    """Return the image of a sample, RGB uint8 [h, w, 3]; raises ImageError, naming the file."""
    image = read_picture(sample.image, cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
