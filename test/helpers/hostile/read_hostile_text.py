# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read files, within limits, by one of the package's readers: READER PATH ..."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import sys
from typing import Any

from limited_process import limit_cpu, limit_memory
from rtformer_ros.errors import ConfigError, ModelError

_MEMORY_MIB = 200
_CPU_S = 30


def _labels(path: Path) -> Any:
    from rtformer_ros.labels.label_set import load_labels

    return load_labels(path)


def _sidecar(path: Path) -> Any:
    from rtformer_ros.engines.sidecar import read_sidecar

    return read_sidecar(path)


def _recipe(path: Path) -> Any:
    from rtformer_ros.training.recipe_file import load_recipe

    return load_recipe(path)


def _topic_names(path: Path) -> Any:
    from rtformer_ros.ros.interface.remaps import load_topic_names

    return load_topic_names(path)


def _plan_sidecar(path: Path) -> Any:
    from rtformer_ros.engines.tensorrt.plans.record import read_record

    return read_record(path.with_suffix(''))


def _properties(path: Path) -> Any:
    from rtformer_ros.model_metadata import ModelMetadata

    text = path.read_text()
    return [
        ModelMetadata.from_properties({'rtformer_ros.format': '1', f'rtformer_ros.{key}': text})
        for key in ('labels', 'input')
    ]


def _header(path: Path) -> Any:
    from rtformer_ros.network import load_checkpoint
    from safetensors.torch import save_file
    import torch

    weights = path.with_suffix('.safetensors')
    save_file({'w': torch.zeros(1)}, weights, {'rtformer_ros': path.read_text()})
    return load_checkpoint(weights)


READERS: dict[str, Callable[[Path], Any]] = {
    'labels': _labels,
    'sidecar': _sidecar,
    'recipe': _recipe,
    'topic_names': _topic_names,
    'plan_sidecar': _plan_sidecar,
    'properties': _properties,
    'header': _header,
}


def main() -> None:
    """Print, as JSON, the message of the package's error for each path, '' where there is none."""
    reader = READERS[sys.argv[1]]
    messages = {}
    limits_set = False
    for argument in sys.argv[2:]:
        path = Path(argument.replace('\\0', '\0'))
        try:
            if not limits_set:
                # What is imported once is no matter of the file.
                _warm_up(reader)
                limit_memory(_MEMORY_MIB)
                limit_cpu(_CPU_S)
                limits_set = True
            reader(path)
            messages[argument] = ''
        except (ConfigError, ModelError) as error:
            messages[argument] = str(error)
    print(json.dumps(messages))


def _warm_up(reader: Callable[[Path], Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'first.yaml'
        path.write_text('{}')
        try:
            reader(path)
        except (ConfigError, ModelError):
            pass


if __name__ == '__main__':
    main()
