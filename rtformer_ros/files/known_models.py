# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Known models: what `config/models.yaml` lists by name, and what was fetched of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
import json
from pathlib import Path
import re
from typing import Any

from rtformer_ros.errors import ConfigError, quoted, shown_path
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.private_folder import cache_folder
from rtformer_ros.files.text_file import read_text
from rtformer_ros.files.yaml_file import read_yaml

_NAME = re.compile(r'[A-Za-z0-9][\w.-]{0,99}', re.ASCII)
_LIST = 'config/models.yaml'


@dataclass(frozen=True)
class KnownModel:
    """
    One row of the list of models.

    task: 'segmentation' or 'backbone'; labels: name of the label set, '' for a backbone; url or
    file: where it is, the other one is ''; sha256: of the file behind the url, '' where unknown;
    height, width: pixels to export for, 0 for a backbone; mean_iou: percent, as published.
    """

    name: str
    task: str
    variant: str
    licence: str
    megabytes: float
    labels: str = ''
    url: str = ''
    file: str = ''
    sha256: str = ''
    height: int = 0
    width: int = 0
    mean_iou: float | None = None
    protocol: str = ''

    @property
    def is_backbone(self) -> bool:
        """Return whether it is something to train from, which segments nothing by itself."""
        return self.task == 'backbone'

    @property
    def command(self) -> str:
        """Return what to type to fetch it."""
        return f'ros2 run rtformer_ros models get {self.name}'


@dataclass(frozen=True)
class FetchedModel:
    """
    What is known of a model that was fetched.

    sha256: of the file as it came; model: the name of the ONNX file that the model's name stands
    for, '' where none was exported yet.
    """

    url: str
    sha256: str
    model: str = ''

    def save(self, name: str) -> None:
        """Write it beside the model's files."""
        write_atomically(record_path(name), (json.dumps(asdict(self)) + '\n').encode())


def is_model_name(text: str) -> bool:
    """Return whether a text can be the name of a model, and so that of a file."""
    return bool(_NAME.fullmatch(text))


def models_folder() -> Path:
    """Return the folder of fetched models: $ROS_HOME/rtformer_ros/models, or below ~/.cache."""
    return cache_folder('models')


def record_path(name: str) -> Path:
    """Return the file that says what was fetched for a name."""
    return models_folder() / f'{name}.fetched.json'


def fetched_model(name: str) -> FetchedModel | None:
    """
    Return what was fetched under a name, None if nothing was.

    Raises ConfigError for a record that is broken, naming the file.
    """
    path = record_path(name)
    if not path.is_file():
        return None
    data = parse_json(read_text(path, 'record of a model'), shown_path(path))
    try:
        fetched = FetchedModel(**data)
    except TypeError as error:
        raise ConfigError(f'{shown_path(path)} is no record of a model; delete it') from error
    texts = (fetched.url, fetched.sha256, fetched.model)
    if not all(isinstance(each, str) for each in texts) or '/' in fetched.model:
        raise ConfigError(f'{shown_path(path)} is no record of a model; delete it')
    return fetched


def models_list(shares: Iterable[Path]) -> Path:
    """Return the list of models in the first of the folders that has one; raises ConfigError."""
    path = next((each / _LIST for each in shares if (each / _LIST).is_file()), None)
    if path is None:
        raise ConfigError(f'there is no {_LIST}; install rtformer_ros again')
    return path


def known_models(path: Path) -> list[KnownModel]:
    """Return the models of a list in its order; raises ConfigError where it is broken."""
    data = read_yaml(path, 'list of models')
    rows = data.get('models') if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise ConfigError(f'{shown_path(path)} has no list `models`')
    return [_known_model(row, path) for row in rows]


def _known_model(row: Any, path: Path) -> KnownModel:
    try:
        model = KnownModel(**row)
    except TypeError as error:
        raise ConfigError(f'{shown_path(path)}: {quoted(row)} is no model: {error}') from error
    if not is_model_name(model.name):
        raise ConfigError(
            f'{shown_path(path)}: a model is called {quoted(model.name)}; expected letters, '
            'digits, _, - and .'
        )
    if bool(model.url) == bool(model.file):
        raise ConfigError(f'{shown_path(path)}: {quoted(model.name)} needs either url or file')
    return model
