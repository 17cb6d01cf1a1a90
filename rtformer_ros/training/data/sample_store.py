# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Decode and check the samples of a data set, and keep them in memory where they fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ImageError
from rtformer_ros.training.data.decoding import BoundedMemory, decoded_in_order, read_picture
from rtformer_ros.training.datasets.dataset import Dataset, IGNORED, Sample, UNKNOWN
from tqdm import tqdm

MEMORY_LIMIT_BYTES = 4 << 30

ImageHwc = npt.NDArray[np.uint8]
LabelHw = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SampleStore:
    """
    Samples that were all found to be whole.

    pixel_counts: int64 [samples, classes], how often each class occurs. decoded: the samples
    themselves, or None where they are too many to keep.
    """

    dataset: Dataset
    pixel_counts: npt.NDArray[np.int64]
    decoded: tuple[tuple[ImageHwc, LabelHw], ...] | None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.dataset.samples)

    def load(self, index: int) -> tuple[ImageHwc, LabelHw]:
        """Return an image, RGB uint8 [h, w, 3], and its classes, uint8 [h, w] or IGNORED."""
        if self.decoded is not None:
            return self.decoded[index]
        return decode_sample(self.dataset, self.dataset.samples[index])

    def class_shares(self) -> npt.NDArray[np.float64]:
        """Return each class's share of all labelled pixels [classes]; they add up to 1."""
        totals = self.pixel_counts.sum(axis=0)
        shares: npt.NDArray[np.float64] = totals / max(1, totals.sum())
        return shares


def fill_store(
    dataset: Dataset, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES, threads: int = 2
) -> Iterator[SampleStore | int]:
    """
    Decode every sample once, yielding how many are done and, last, the store.

    Samples stay in memory while they take less than `memory_limit_bytes`. Raises ImageError,
    naming the file, for the first one that is broken.
    """
    counts = np.zeros((len(dataset.samples), len(dataset.labels)), np.int64)
    memory = BoundedMemory[tuple[ImageHwc, LabelHw]](memory_limit_bytes)
    pairs = decoded_in_order(dataset.samples, partial(decode_sample, dataset), threads)
    for index, (image, label) in enumerate(pairs):
        histogram = np.bincount(label.ravel(), minlength=IGNORED + 1)
        counts[index] = histogram[: len(dataset.labels)]
        memory.add((image, label), image.nbytes + label.nbytes)
        yield index + 1
    yield SampleStore(dataset, counts, memory.items)


def filled_store(
    dataset: Dataset, *, is_silent: bool = False, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
) -> SampleStore:
    """Return what fill_store yields last, with a progress bar on stderr; raises as it does."""
    with tqdm(
        total=len(dataset.samples), desc=dataset.name, unit='image', disable=is_silent
    ) as bar:
        for done in fill_store(dataset, memory_limit_bytes=memory_limit_bytes):
            if isinstance(done, SampleStore):
                return done
            bar.update(done - bar.n)
    raise AssertionError('fill_store ends with a store')


def decode_sample(dataset: Dataset, sample: Sample) -> tuple[ImageHwc, LabelHw]:
    """
    Read a sample from its files.

    Raises ImageError, naming the file, where one cannot be read, the sizes differ, or the label
    is no picture of one 8-bit channel with ids that the data set knows.
    """
    image = read_picture(sample.image, cv2.IMREAD_COLOR)
    label = read_picture(sample.label, cv2.IMREAD_UNCHANGED)
    if label.ndim != 2 or label.dtype != np.uint8:
        channels = 1 if label.ndim == 2 else label.shape[2]
        raise ImageError(
            f'{sample.label} has {channels} channel(s) of {label.dtype}; expected one 8-bit '
            'channel of class ids (a coloured label picture has to be converted first)'
        )
    if label.shape != image.shape[:2]:
        raise ImageError(
            f'{sample.label} is {label.shape[1]} x {label.shape[0]} pixels, its image '
            f'{sample.image} is {image.shape[1]} x {image.shape[0]}; they must be alike'
        )
    classes = dataset.id_table[label]
    if classes.min(initial=0) == UNKNOWN:
        bad = np.unique(label[classes == UNKNOWN])[:8]
        known = np.flatnonzero(dataset.id_table != UNKNOWN)
        raise ImageError(
            f'{sample.label} holds the id(s) {", ".join(map(str, bad))}, which {dataset.name} has '
            f'not; it knows {_ranges(known)}'
        )
    image_rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    return image_rgb, classes.astype(np.uint8)


def _ranges(ids: npt.NDArray[np.int64]) -> str:
    """Return numbers as text, runs of them shortened: '0 to 11, 255'."""
    runs = np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1)
    return ', '.join(f'{run[0]} to {run[-1]}' if len(run) > 1 else str(run[0]) for run in runs)
