# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Metadata of a model file: from its own properties, or from a YAML file beside it."""

from __future__ import annotations

import re
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import has_metadata, ModelMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def metadata_of(model: Path, properties: Mapping[str, str]) -> ModelMetadata:
    """
    Return what a model file says about itself, or what the sidecar of a foreign model says.

    properties: the text properties in the model file.
    Raises ModelError where there is neither or the properties are broken, ConfigError for a
    sidecar that cannot be read.
    """
    if has_metadata(properties):
        return ModelMetadata.from_properties(properties, str(model))
    sidecar = sidecar_path(model)
    if not sidecar.is_file():
        raise ModelError(
            f'{model} does not say how it is fed and what it returns. For a model made by '
            f'another program, ros2 run rtformer_ros describe_model {model} --write guesses it; '
            f'or write that into {sidecar}, for example:\n'
            'input: {layout: nchw_float, channel_order: rgb, mean: [0.485, 0.456, 0.406], '
            'std: [0.229, 0.224, 0.225]}\n'
            'output: logits\n'
            'labels: my_labels.yaml'
        )
    return read_sidecar(sidecar)


def sidecar_path(model: Path) -> Path:
    """Return where the sidecar of a model file lies: MODEL.yaml beside MODEL.onnx."""
    return model.with_suffix('.yaml')


def read_sidecar(path: Path) -> ModelMetadata:
    """
    Read the YAML file that describes a foreign model.

    Its keys are the fields of ModelMetadata. `input` and `output` must be there; `labels` is the
    content of a label file, the path of one, relative to the sidecar, or a packaged set's name.
    Raises ConfigError, naming the file and the key at fault.
    """
    data = _read_mapping(path)
    missing = [key for key in ('input', 'output') if key not in data]
    if missing:
        raise ConfigError(
            f'{path}: no {" and no ".join(missing)}; a foreign model needs both, for example '
            'input: {layout: nchw_float}, output: logits'
        )
    if isinstance(data.get('labels'), str):
        data['labels'] = load_labels(_label_file(path.parent, data['labels'])).to_dict()
    return ModelMetadata.from_dict(data, str(path))


def _label_file(folder: Path, text: str) -> Path:
    beside = folder / text
    # A name, which no file beside the sidecar has, is that of a packaged set.
    return find_labels(text) if re.fullmatch(r'\w+', text) and not beside.is_file() else beside


def _read_mapping(path: Path) -> dict[str, Any]:
    data = read_yaml(path, 'model description')
    if not isinstance(data, dict):
        raise ConfigError(f'{path}: expected a mapping with the keys input, output and labels')
    return data
