# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Say what a training run is: network, data and recipe; kept beside its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.predefined_split import PredefinedSplit
from rtformer_ros.training.recipe import Recipe
from rtformer_ros.training.recipe_file import recipe_from_dict, recipe_to_dict
import yaml

_FILE = 'run.yaml'


@dataclass(frozen=True)
class RunSetup:
    """
    What is trained on what, how.

    dataset: its name on the command line; root: its folder; network: public name, as
    rtformer_slim; labels: classes of pixels, or the names of classes of images as a whole;
    split: what is trained on and what scored, None for the data set's own.
    """

    dataset: str
    root: Path
    network: str
    labels: LabelSet | tuple[str, ...]
    recipe: Recipe
    split: PredefinedSplit | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes by id."""
        return self.labels.names if isinstance(self.labels, LabelSet) else self.labels

    def save(self, folder: Path) -> None:
        """Write the setup to folder/run.yaml."""
        data: dict[str, Any] = {
            'dataset': self.dataset,
            'root': str(self.root),
            'network': self.network,
            **_described(self.labels),
            'recipe': recipe_to_dict(self.recipe),
        }
        if self.split is not None:
            data['split'] = {'name': self.split.name, **self.split.to_dict()}
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        write_atomically(folder / _FILE, text.encode())


def load_setup(folder: Path) -> RunSetup:
    """Read the setup of a run from its folder; raises ConfigError, naming what is at fault."""
    path = folder / _FILE
    if not path.is_file():
        raise ConfigError(f'there is no run to resume in {folder}; start it without --resume')
    try:
        data: Any = _content(path)
        return RunSetup(
            dataset=data['dataset'],
            root=Path(data['root']),
            network=_network(data),
            labels=_labels(data, path),
            recipe=recipe_from_dict(data['recipe'], f'{path}: recipe'),
            split=_split(data.get('split'), f'{path}: split'),
        )
    except (LookupError, TypeError) as error:
        raise ConfigError(f'{path} is no description of a run: {quoted(error)}') from error


def _content(path: Path) -> Any:
    try:
        return read_yaml(path, 'run file')
    except ConfigError as error:
        raise ConfigError(f'{path} is no description of a run: {error}') from error


def _network(data: dict[str, Any]) -> str:
    """Return the network's name; older files have the variant of RTFormer instead."""
    return str(data['network']) if 'network' in data else f'rtformer_{data["variant"]}'


def _described(labels: LabelSet | tuple[str, ...]) -> dict[str, Any]:
    if isinstance(labels, LabelSet):
        return {'labels': labels.to_dict()}
    return {'class_names': list(labels)}


def _labels(data: dict[str, Any], path: Path) -> LabelSet | tuple[str, ...]:
    names = data.get('class_names')
    if names is None:
        return LabelSet.from_dict(data['labels'], f'{path}: labels')
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError('its class_names are no list of texts')
    return tuple(names)


def _split(data: Any, source: str) -> PredefinedSplit | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise TypeError('its split is no mapping')
    name = data.pop('name')
    return PredefinedSplit.from_dict(name, data, source)
