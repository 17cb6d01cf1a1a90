# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Trained network: build whatever network a file of weights is of."""

from __future__ import annotations

from pathlib import Path

from rtformer_ros.network.family import ClassificationNetwork, SegmentationNetwork
from rtformer_ros.network.quantisation.layered_file import load_layered
from rtformer_ros.network.quantisation.parallel.parallel_file import load_parallel
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.checkpoint import load_checkpoint
from rtformer_ros.network.weights.weights_file import quantised_kind


def build_from_checkpoint(
    path: Path | str, *, families: Families = FAMILIES
) -> SegmentationNetwork | ClassificationNetwork:
    """
    Return the network of a checkpoint file in eval mode, be it to segment or to classify.

    Of quantised weights, the network is fake-quantised, and of layered ones at its highest
    precision; use_bits brings it to another. Raises as load_checkpoint does.
    """
    kind = quantised_kind(Path(path))
    if kind == 'layered':
        return load_layered(path, families=families).build()
    if kind == 'parallel':
        return load_parallel(path, families=families).build()
    checkpoint = load_checkpoint(path, task=None, families=families)
    is_classifier = checkpoint.family.task == 'classification'
    return checkpoint.build_classifier() if is_classifier else checkpoint.build()
