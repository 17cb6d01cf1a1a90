# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read ADE20K's scene parsing benchmark (Zhou et al. 2017)."""

from __future__ import annotations

from pathlib import Path

from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.dataset import Dataset, id_table, IGNORED, pair_files

_FOLDERS = {'train': 'training', 'val': 'validation'}
_LAYOUT = (
    '{root}/images/{folder}/*.jpg with {root}/annotations/{folder}/*.png, as '
    'ADEChallengeData2016.zip unpacks'
)


def read_ade20k(root: Path, split: str, labels: LabelSet) -> Dataset:
    """
    Return the split ('train', 'val') of ADE20K.

    In the annotations 0 is ignored and k is class k - 1. Raises ConfigError, naming the file or
    folder at fault.
    """
    folder = _FOLDERS[split]
    samples = pair_files(
        root / 'images' / folder,
        root / 'annotations' / folder,
        lambda image: str(image.with_suffix('.png')),
        _LAYOUT.format(root=root, folder=folder),
    )
    table = id_table({i + 1: i for i in range(len(labels))}, (0, IGNORED))
    return Dataset(f'ade20k {split}', labels, samples, table)
