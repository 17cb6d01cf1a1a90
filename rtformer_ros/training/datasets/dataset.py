# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe a data set: pairs of files, and what the ids in its label pictures mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelSet

IGNORED = 255
"""The id that training and scores leave out, whatever a data set's own files call it."""

UNKNOWN = -1
"""Marks, in an id table, an id that no label picture of the data set may hold."""


@dataclass(frozen=True)
class Sample:
    """One image and the picture of its classes, as files."""

    image: Path
    label: Path


@dataclass(frozen=True)
class Dataset:
    """
    Samples with what their label pictures mean.

    name: as the command line calls it, with the split ('camvid train'). id_table: int16 [256],
    from an id in a label file to a class id, IGNORED or UNKNOWN.
    """

    name: str
    labels: LabelSet
    samples: tuple[Sample, ...]
    id_table: npt.NDArray[np.int16]


def id_table(class_ids: dict[int, int], ignored: tuple[int, ...]) -> npt.NDArray[np.int16]:
    """Return the table [256] for files whose id k means class class_ids[k]."""
    table = np.full(256, UNKNOWN, np.int16)
    for file_id, class_id in class_ids.items():
        table[file_id] = class_id
    table[list(ignored)] = IGNORED
    return table


def plain_id_table(labels: LabelSet) -> npt.NDArray[np.int16]:
    """Return the table [256] for files that hold class ids, the set's ignore id and 255."""
    return id_table({i: i for i in range(len(labels))}, (labels.ignore_id, IGNORED))


IMAGE_SUFFIXES = frozenset({'.jpg', '.jpeg', '.png', '.bmp', '.webp'})
_SHOWN = 3


def image_files(folder: Path) -> list[Path]:
    """
    Return the images in a folder and below it, by name.

    Hidden files are none: macOS leaves ._NAME.jpg beside NAME.jpg.
    """
    return sorted(
        path
        for path in folder.rglob('*')
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith('.')
    )


def pair_files(
    images: Path, labels: Path, label_name: Callable[[Path], str], layout: str
) -> tuple[Sample, ...]:
    """
    Return a sample for every image under a folder, in the order of their names.

    label_name: the path of an image's label below `labels`, for its path below `images`.
    layout: what the folders should look like, for errors. Raises ConfigError for a folder that
    is missing or empty and for images without a label, naming them.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise ConfigError(f'there is no folder {folder}; expected {layout}')
    found = image_files(images)
    if not found:
        raise ConfigError(f'{images} holds no image; expected {layout}')
    samples = tuple(Sample(path, labels / label_name(path.relative_to(images))) for path in found)
    missing = [sample for sample in samples if not sample.label.is_file()]
    if missing:
        first = missing[0]
        raise ConfigError(
            f'{len(missing)} of {len(samples)} images have no label: {first.image} needs '
            f'{first.label}{_further(missing)}; expected {layout}'
        )
    return samples


def _further(missing: list[Sample]) -> str:
    names = [sample.image.name for sample in missing[1 : 1 + _SHOWN]]
    return f' (also {", ".join(names)}{", ..." if len(missing) > 1 + _SHOWN else ""})' * bool(
        names
    )
