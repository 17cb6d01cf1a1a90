"""Describe a data set: pairs of files, and what the ids in its label pictures mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtformer_ros.labels import LabelSet

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
