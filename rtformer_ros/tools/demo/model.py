# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Model facts: what the demo can say about a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.files.packaged_files import find_model

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.labels.label_set import LabelSet

_GROUND_GROUPS = ('drivable', 'walkable')


@dataclass(frozen=True)
class ModelFacts:
    """
    A model file, the names of its classes (none where it does not say) and a description of it.

    ground_ids: those of its classes that are driven or walked on. is_untrained: its weights are
    random, so that its classes mean nothing.
    """

    path: Path
    class_names: tuple[str, ...]
    description: str
    ground_ids: tuple[int, ...] = ()

    @property
    def is_untrained(self) -> bool:
        """Tell whether the file says that its weights are random."""
        return 'untrained' in self.description.lower()


def read_model_facts(text: str) -> ModelFacts:
    """
    Return what a model says about itself.

    text: a path, the name of a packaged model, or '' for the default. Raises ModelError or
    ConfigError when the file is missing or broken.
    """
    path = find_model(text)
    if path.suffix == '.onnx':
        return _onnx_facts(path)
    return _checkpoint_facts(path)


def _onnx_facts(path: Path) -> ModelFacts:
    from rtformer_ros.engines.onnx_session import OnnxSession

    session = OnnxSession(EngineRequest(path, 'onnxruntime', device='cpu', threads=1))
    metadata = metadata_of(path, session.properties)
    return _facts(path, metadata.labels, metadata.description)


def _checkpoint_facts(path: Path) -> ModelFacts:
    from rtformer_ros.network.weights.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    return _facts(path, checkpoint.labels, checkpoint.notes.get('description', ''))


def _facts(path: Path, labels: LabelSet | None, description: str) -> ModelFacts:
    classes = labels.classes if labels else ()
    ground_ids = tuple(i for i, each in enumerate(classes) if each.group in _GROUND_GROUPS)
    return ModelFacts(path, tuple(each.name for each in classes), description, ground_ids)
