# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read CamVid, and any folder of images/ and labels/."""

from __future__ import annotations

from pathlib import Path

from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.dataset import Dataset, pair_files, plain_id_table

_LAYOUT = (
    '{root}/{split}/images/NAME.jpg (or .png) with {root}/{split}/labels/NAME.png, a picture of '
    'one channel that holds class ids'
)


def read_folder(root: Path, split: str, labels: LabelSet) -> Dataset:
    """
    Return the split ('train', 'val') of a data set in folders of images and labels.

    Label pictures hold the ids of `labels`; its ignore id and 255 are left out. Raises
    ConfigError, naming the file or folder at fault.
    """
    folder = root / split
    samples = pair_files(
        folder / 'images',
        folder / 'labels',
        lambda image: str(image.with_suffix('.png')),
        _LAYOUT.format(root=root, split=split),
    )
    return Dataset(f'{labels.name} {split}', labels, samples, plain_id_table(labels))
