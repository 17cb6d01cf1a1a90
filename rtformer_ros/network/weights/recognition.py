# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Recognise from weights alone which family they are of, and check that they fit a network."""

from __future__ import annotations

from collections.abc import Mapping

from rtformer_ros.errors import CheckpointError, quoted
from rtformer_ros.network.architecture import Architecture
from rtformer_ros.network.family import NetworkFamily, NetworkTask
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
    best = max(families, key=lambda family: _marks_in(state, family))
    if not _marks_in(state, best):
        marks = dict.fromkeys(repr(family.marks[0]) for family in families)
        raise CheckpointError(
            f'is no {_titles(families)} checkpoint: it lacks {" and ".join(marks)}. Its keys are '
            f'{some_keys(state)}'
        )
    return best


def _marks_in(state: Mapping[str, Tensor], family: NetworkFamily) -> int:
    own = family.own_weights(state)
    return sum(mark in own for mark in family.marks)


def _titles(families: Families) -> str:
    return ' or '.join(dict.fromkeys(family.title for family in families))


def check_task(
    state: Mapping[str, Tensor], family: NetworkFamily, task: NetworkTask | None
) -> None:
    """
    Raise CheckpointError, saying what they are for, for weights of a backbone or another task.

    task: None for any.
    """
    if task == 'segmentation' and family.task == 'classification':
        raise CheckpointError(
            f'holds a {family.title} that classifies images as a whole: give it to train --init; '
            'it cannot segment by itself'
        )
    if task == 'classification' and family.task == 'segmentation':
        raise CheckpointError(
            f'holds a {family.title} that segments; expected one that classifies images as a whole'
        )
    if not family.has_head(state):
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
