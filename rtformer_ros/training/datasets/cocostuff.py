# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read COCO-Stuff 164k (Caesar et al. 2018): 171 classes of things and stuff."""

from __future__ import annotations

from pathlib import Path

from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.dataset import Dataset, id_table, IGNORED, pair_files

UNUSED_IDS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
"""The ids of 0 to 181 in stuffthingmaps that COCO never gave to a class."""

_ID_COUNT = 182
_FOLDERS = {'train': 'train2017', 'val': 'val2017'}
_LAYOUT = (
    '{root}/images/{folder}/*.jpg (or {root}/{folder}/*.jpg) with '
    '{root}/stuffthingmaps/{folder}/*.png (or {root}/annotations/{folder}/*.png), as '
    'stuffthingmaps_trainval2017.zip unpacks; the derived *_labelTrainIds.png are not read'
)


def read_cocostuff(root: Path, split: str, labels: LabelSet) -> Dataset:
    """
    Return the split ('train', 'val') of COCO-Stuff from the pictures called stuffthingmaps.

    Their ids of 0 to 181 (COCO's category ids less one) leave out 11 numbers, so that the 171
    classes follow one another; 255 is ignored. Raises ConfigError, naming what is at fault.
    """
    used = [i for i in range(_ID_COUNT) if i not in UNUSED_IDS]
    if len(labels) != len(used):
        raise ConfigError(f'COCO-Stuff has {len(used)} classes, the labels name {len(labels)}')
    folder = _FOLDERS[split]
    images = _first_folder(root / 'images' / folder, root / folder)
    annotations = _first_folder(root / 'stuffthingmaps' / folder, root / 'annotations' / folder)
    samples = pair_files(
        images,
        annotations,
        lambda image: str(image.with_suffix('.png')),
        _LAYOUT.format(root=root, folder=folder),
    )
    table = id_table({file_id: class_id for class_id, file_id in enumerate(used)}, (IGNORED,))
    return Dataset(f'cocostuff {split}', labels, samples, table)


def _first_folder(first: Path, second: Path) -> Path:
    return second if second.is_dir() and not first.is_dir() else first
