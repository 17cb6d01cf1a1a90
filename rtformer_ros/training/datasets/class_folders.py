# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read images that are classified as a whole, from one folder for each class.

The layout is that of torchvision's ImageFolder. Its wheels load beside the one build of PyTorch
that they were compiled against, and not beside others such as a CPU's; its transforms draw from
global random numbers, while crops here depend on seed and step alone. So reading, cropping and
mixing are modules of this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtformer_ros.errors import ConfigError, listed
from rtformer_ros.training.datasets.dataset import image_files

CLASS_FOLDERS = 'imagefolder'
"""What --dataset calls this layout."""

_OF_CLASS_MAPS = {'images', 'labels'}
_LAYOUT = '{root}/train/CLASS/*.jpg (or .png) and {root}/val/CLASS/*.jpg'


@dataclass(frozen=True)
class ClassifiedImage:
    """One image file and the id of its class."""

    image: Path
    class_id: int


@dataclass(frozen=True)
class ClassificationDataset:
    """
    Images with one class each.

    name: as messages call it, with the split ('flowers train'). class_names: by id.
    """

    name: str
    class_names: tuple[str, ...]
    samples: tuple[ClassifiedImage, ...]


def read_class_folders(
    root: Path, split: str, class_names: Sequence[str] | None = None
) -> ClassificationDataset:
    """
    Return the split ('train', 'val') of images in folders that are named by their classes.

    class_names: the classes by id; None for the folders of the split in the order of their names.
    A class without a folder has no image here. Files are listed, not read. Raises ConfigError for
    a folder that is missing, empty or of no known class, naming it.
    """
    layout = _LAYOUT.format(root=root)
    parent = root / split
    if not parent.is_dir():
        raise ConfigError(f'there is no folder {parent}; expected {layout}')
    folders = sorted(
        each for each in parent.iterdir() if each.is_dir() and not each.name.startswith('.')
    )
    if not folders:
        raise ConfigError(f'{parent} holds no folder of a class; expected {layout}')
    if {folder.name for folder in folders} == _OF_CLASS_MAPS:
        raise ConfigError(
            f'{parent} has the folders images and labels, as a data set of class maps; to segment '
            f'with it: --dataset folder --labels YAML. To classify images expected {layout}'
        )
    names = tuple(class_names or (folder.name for folder in folders))
    unknown = [folder.name for folder in folders if folder.name not in names]
    if unknown:
        raise ConfigError(
            f'{parent} has the folder(s) {listed(unknown)}, which are none of the {len(names)} '
            f'classes {listed(names)}; every split has folders of the same names'
        )
    ids = {name: class_id for class_id, name in enumerate(names)}
    samples = tuple(
        ClassifiedImage(path, ids[folder.name])
        for folder in folders
        for path in _images(folder, layout)
    )
    return ClassificationDataset(f'{root.resolve().name} {split}', names, samples)


def _images(folder: Path, layout: str) -> list[Path]:
    found = image_files(folder)
    if not found:
        raise ConfigError(f'{folder} holds no image; expected {layout}')
    return found
