# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read Cityscapes (Cordts et al. 2016) from its official folders."""

from __future__ import annotations

from pathlib import Path

from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.dataset import Dataset, id_table, pair_files

TRAIN_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The ids in *_labelIds.png of the 19 evaluated classes, by train id (cityscapesScripts)."""

_LABEL_ID_COUNT = 34
_LAYOUT = (
    '{root}/leftImg8bit/{split}/CITY/*_leftImg8bit.png with '
    '{root}/gtFine/{split}/CITY/*_gtFine_labelIds.png, as the archives unpack'
)


def read_cityscapes(root: Path, split: str, labels: LabelSet) -> Dataset:
    """
    Return the split ('train', 'val') of Cityscapes with fine annotations.

    The 34 label ids become 19 classes; the others are ignored. Raises ConfigError, naming the
    file or folder at fault.
    """
    if len(labels) != len(TRAIN_IDS):
        raise ConfigError(
            f'Cityscapes has {len(TRAIN_IDS)} classes, the labels name {len(labels)}'
        )
    samples = pair_files(
        root / 'leftImg8bit' / split,
        root / 'gtFine' / split,
        lambda image: str(image).replace('_leftImg8bit.png', '_gtFine_labelIds.png'),
        _LAYOUT.format(root=root, split=split),
    )
    class_ids = {file_id: class_id for class_id, file_id in enumerate(TRAIN_IDS)}
    others = tuple(i for i in (*range(_LABEL_ID_COUNT), 255) if i not in class_ids)
    return Dataset(f'cityscapes {split}', labels, samples, id_table(class_ids, others))
