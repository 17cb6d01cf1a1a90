"""Open a data set by the name that a user gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.ade20k import read_ade20k
from rtformer_ros.training.datasets.cityscapes import read_cityscapes
from rtformer_ros.training.datasets.cocostuff import read_cocostuff
from rtformer_ros.training.datasets.dataset import Dataset
from rtformer_ros.training.datasets.image_label_folders import read_folder

Split = Literal['train', 'val']

READERS: dict[str, Callable[[Path, str, LabelSet], Dataset]] = {
    'camvid': read_folder,
    'cityscapes': read_cityscapes,
    'ade20k': read_ade20k,
    'cocostuff': read_cocostuff,
    'folder': read_folder,
}


def open_dataset(name: str, root: Path, split: Split, labels: LabelSet) -> Dataset:
    """
    Return one split of a data set; its files are listed, not read.

    Raises ConfigError for an unknown name and for a layout that is not the data set's.
    """
    if name not in READERS:
        raise ConfigError(f"there is no data set '{name}'; expected one of: {', '.join(READERS)}")
    if not root.is_dir():
        raise ConfigError(f'there is no folder {root}; give the folder that holds {name}')
    return READERS[name](root, split, labels)
