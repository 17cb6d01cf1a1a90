# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Find out how often each class occurs in a training: from a JSON file, or by counting pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.text_file import read_text
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.open_dataset import open_dataset, READERS

CLASS_SHARES_HELP = (
    'how often each class occurs in the training data, where the weights do not say: a JSON file '
    'of {class name: share or pixels}, or the root of the data set, whose training labels are '
    'counted'
)


def read_class_shares(path: Path, labels: LabelSet) -> tuple[float, ...]:
    """
    Return the share of each class among all pixels; they add up to 1.

    path: a JSON file with a number for each class, by name or as a list by id; or the root of a
    data set, in the layout that the name of the labels stands for, else in folders of images and
    labels. Raises ConfigError for anything else, ImageError for a sample that is broken.
    """
    counts = _counted(path, labels) if path.is_dir() else _listed(path, labels)
    total = sum(counts)
    if not total > 0:
        raise ConfigError(f'{path} has no pixel of any class; expected numbers above 0')
    return tuple(count / total for count in counts)


def _counted(root: Path, labels: LabelSet) -> list[float]:
    from rtformer_ros.training.data.sample_store import filled_store

    name = labels.name if labels.name in READERS else 'folder'
    dataset = open_dataset(name, root, 'train', labels)
    shares: list[float] = filled_store(dataset, memory_limit_bytes=0).class_shares().tolist()
    return shares


def _listed(path: Path, labels: LabelSet) -> list[float]:
    text = read_text(path, 'class shares from')
    data: Any = parse_json(text, f'cannot read class shares from {path}: it')
    if isinstance(data, dict):
        if data.keys() != set(labels.names):
            raise ConfigError(f'{path}: expected a number for each of: {", ".join(labels.names)}')
        data = [data[name] for name in labels.names]
    if not isinstance(data, list) or len(data) != len(labels):
        raise ConfigError(f'{path}: expected {len(labels)} numbers, by class name or by class id')
    for value in data:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ConfigError(
                f'{path}: {quoted(value)} is no share of a class; expected 0 or more'
            )
    return [float(value) for value in data]
