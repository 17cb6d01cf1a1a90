# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Open a data set by the name that a user gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args, Literal

from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.ade20k import read_ade20k
from rtformer_ros.training.datasets.cityscapes import read_cityscapes
from rtformer_ros.training.datasets.cocostuff import read_cocostuff
from rtformer_ros.training.datasets.dataset import Dataset
from rtformer_ros.training.datasets.image_label_folders import read_folder
from rtformer_ros.training.datasets.predefined_split import PredefinedSplit

Split = Literal['train', 'val']

READERS: dict[str, Callable[[Path, str, LabelSet], Dataset]] = {
    'camvid': read_folder,
    'cityscapes': read_cityscapes,
    'ade20k': read_ade20k,
    'cocostuff': read_cocostuff,
    'folder': read_folder,
}


def open_dataset(
    name: str,
    root: Path,
    split: Split,
    labels: LabelSet,
    predefined: PredefinedSplit | None = None,
) -> Dataset:
    """
    Return one split of a data set; its files are listed, not read.

    predefined: what goes into which split in place of the data set's own. Raises ConfigError for
    an unknown name, for a layout that is not the data set's, and for a split that finds nothing.
    """
    if name not in READERS:
        raise ConfigError(f"there is no data set '{name}'; expected one of: {', '.join(READERS)}")
    if not root.is_dir():
        raise ConfigError(f'there is no folder {root}; give that of the data set ({name})')
    read = READERS[name]
    if predefined is None:
        return read(root, split, labels)
    own = {each: read(root, each, labels) for each in get_args(Split)}
    samples = tuple(sample for dataset in own.values() for sample in dataset.samples)
    return replace(
        own[split],
        name=f'{own[split].name} of {predefined.name}',
        samples=predefined.chosen(split, samples, root),
    )
