# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build networks in PyTorch, to segment and to classify, and read and write their weights.

Imports labels, files and errors; deploy, training and engines build on it. A network family is
one module in families and one entry in registry.FAMILIES.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from rtformer_ros.network.architecture import Architecture
    from rtformer_ros.network.families.rtformer import build_rtformer, RTFormer
    from rtformer_ros.network.family import (
        ClassificationNetwork,
        NetworkFamily,
        NormPlace,
        SegmentationNetwork,
    )
    from rtformer_ros.network.image_segmenter import ImageSegmenter
    from rtformer_ros.network.registry import build_classifier, build_network, FAMILIES
    from rtformer_ros.network.trained_network import build_from_checkpoint
    from rtformer_ros.network.weights.checkpoint import (
        Checkpoint,
        load_checkpoint,
        save_checkpoint,
    )

__all__ = [
    'FAMILIES',
    'Architecture',
    'Checkpoint',
    'ClassificationNetwork',
    'ImageSegmenter',
    'NetworkFamily',
    'NormPlace',
    'RTFormer',
    'SegmentationNetwork',
    'build_classifier',
    'build_from_checkpoint',
    'build_network',
    'build_rtformer',
    'load_checkpoint',
    'save_checkpoint',
]

_HOMES = {
    'Architecture': 'architecture',
    'Checkpoint': 'weights.checkpoint',
    'ClassificationNetwork': 'family',
    'FAMILIES': 'registry',
    'ImageSegmenter': 'image_segmenter',
    'NetworkFamily': 'family',
    'NormPlace': 'family',
    'RTFormer': 'families.rtformer',
    'SegmentationNetwork': 'family',
    'build_classifier': 'registry',
    'build_from_checkpoint': 'trained_network',
    'build_network': 'registry',
    'build_rtformer': 'families.rtformer',
    'load_checkpoint': 'weights.checkpoint',
    'save_checkpoint': 'weights.checkpoint',
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used: most of them need torch."""
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
