# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Say by name which samples of a data set are trained on and which are scored, as by drive."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.training.datasets.dataset import Sample


@dataclass(frozen=True)
class PredefinedSplit:
    """
    Which samples, out of a data set's train and val together, go into which of the two.

    name: of its file. train, val: patterns with *, ? and [...] as in a shell. A sample is chosen
    when the name of its image begins with what a pattern matches ('0001TP'); where the pattern
    has a slash, when the path of the image below the data set's root does ('val/images/').
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]

    @classmethod
    def from_dict(cls, name: str, data: Any, source: str) -> PredefinedSplit:
        """Build a split from plain data; raises ConfigError, naming what is at fault."""
        if not isinstance(data, dict) or data.keys() != {'train', 'val'}:
            raise ConfigError(f'{source}: expected a mapping of train and val, each to a list')
        return cls(
            name,
            _patterns(data['train'], f'{source}: train'),
            _patterns(data['val'], f'{source}: val'),
        )

    def to_dict(self) -> dict[str, list[str]]:
        """Return plain data that `from_dict` takes."""
        return {'train': list(self.train), 'val': list(self.val)}

    def chosen(self, split: str, samples: tuple[Sample, ...], root: Path) -> tuple[Sample, ...]:
        """
        Return those of `samples` that go into 'train' or 'val', in their order.

        root: the folder of the data set. Raises ConfigError for a pattern that fits no sample.
        """
        patterns = self.train if split == 'train' else self.val
        for pattern in patterns:
            if not any(_fits(sample, pattern, root) for sample in samples):
                raise ConfigError(
                    f"split {self.name}: {split} has '{pattern}', which fits none of the "
                    f'{len(samples)} images below {root}, such as {samples[0].image.name}'
                )
        return tuple(s for s in samples if any(_fits(s, pattern, root) for pattern in patterns))


def load_split(path: Path) -> PredefinedSplit:
    """Read a split from a YAML file; raises ConfigError, naming the file and what is at fault."""
    return PredefinedSplit.from_dict(path.stem, read_yaml(path, 'split'), str(path))


def _fits(sample: Sample, pattern: str, root: Path) -> bool:
    is_path = '/' in pattern
    name = sample.image.relative_to(root).as_posix() if is_path else sample.image.name
    return fnmatchcase(name, f'{pattern}*')


def _patterns(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(
            f'{where} is {quoted(value)}; expected a list of names, prefixes or globs'
        )
    for pattern in value:
        if not isinstance(pattern, str):
            raise ConfigError(f'{where} has {quoted(pattern)}; expected text: put it in quotes')
    return tuple(value)
