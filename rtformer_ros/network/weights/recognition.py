# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Recognise from weights alone which family they are of, and check that they fit a network."""

from __future__ import annotations

from collections.abc import Mapping

from rtformer_ros.errors import CheckpointError, quoted
from rtformer_ros.network.architecture import Architecture
from rtformer_ros.network.family import NetworkFamily
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weight_shapes import some_keys
from rtformer_ros.network.weights.weights_file import UNUSED_SUFFIX, WeightsFile
import torch
from torch import Tensor


def family_of(file: WeightsFile, families: Families = FAMILIES) -> NetworkFamily:
    """
    Return the family that a file's header names, or else the one whose marks its weights have.

    Raises CheckpointError for a name that is none of `families` and for weights of none of them.
    """
    name = file.header.get('family')
    if name is None:
        return _recognised(file.state, families)
    for family in families:
        if family.name == name:
            return family
    raise CheckpointError(
        f'its header names the network family {quoted(name)}; this version has '
        f'{", ".join(family.name for family in families)}'
    )


def _recognised(state: Mapping[str, Tensor], families: Families) -> NetworkFamily:
    # The most marks: of a damaged file, the message then names what it lacks.
    best = max(families, key=lambda family: sum(mark in state for mark in family.marks))
    if not any(mark in state for mark in best.marks):
        raise CheckpointError(
            f'is no {" or ".join(family.title for family in families)} checkpoint: it lacks '
            f'{" and ".join(repr(family.marks[0]) for family in families)}. Its keys are '
            f'{some_keys(state)}'
        )
    return best


def refuse_backbone(file: WeightsFile, family: NetworkFamily) -> None:
    """Raise CheckpointError for the weights of a backbone alone, saying what they are for."""
    if not family.has_head(file.state):
        raise CheckpointError(
            'holds a backbone without a segmentation head: give it to train --init; it cannot '
            'segment by itself'
        )


def expected_weights(family: NetworkFamily, architecture: Architecture) -> dict[str, Tensor]:
    """Return tensors without content for all weights of a network, by name."""
    with torch.device('meta'):
        state = family.network(architecture).state_dict()
    return {key: value for key, value in state.items() if not key.endswith(UNUSED_SUFFIX)}


def check_weights(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], whose: str) -> None:
    """Raise CheckpointError unless keys, shapes and numbers fit; `whose` names the network."""
    missing, foreign = expected.keys() - state.keys(), state.keys() - expected.keys()
    if missing or foreign:
        raise CheckpointError(
            f'does not fit {whose}: it lacks {some_keys(missing)} and has besides '
            f'{some_keys(foreign)}'
        )
    for key in sorted(expected):
        came, wanted = list(state[key].shape), list(expected[key].shape)
        if came != wanted:
            raise CheckpointError(f"'{key}' has the shape {came}; expected {wanted}")
        if not bool(torch.isfinite(state[key]).all()):
            raise CheckpointError(f"'{key}' holds NaN or infinity; the training of it diverged")
