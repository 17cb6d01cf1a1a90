# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read widths off the shapes of weights, and name weights in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rtformer_ros.errors import CheckpointError
from torch import Tensor

_SHOWN_KEYS = 4


def output_channels(state: Mapping[str, Tensor], key: str, family: str) -> int:
    """
    Return the output channels of a convolution by the name of its weights.

    family: what its networks are called, for errors. Raises CheckpointError where the weights are
    missing or are no convolution's.
    """
    if key not in state:
        raise CheckpointError(
            f"is no {family} checkpoint: it lacks '{key}'. Its keys are {some_keys(state)}"
        )
    if state[key].ndim != 4:
        raise CheckpointError(
            f"'{key}' has the shape {list(state[key].shape)}; expected a convolution's "
            '[out, in, height, width]'
        )
    return state[key].shape[0]


def base_channels_of(
    state: Mapping[str, Tensor], first_layer: str, family: str, names: Mapping[int, str]
) -> int:
    """
    Return the output channels of the first layer, which are those of a published network.

    names: of the published networks, by that width, for errors. Raises CheckpointError for another
    width, and as output_channels does.
    """
    width = output_channels(state, f'{first_layer}.weight', family)
    if width not in names:
        expected = ' or '.join(f'{each} ({name})' for each, name in names.items())
        raise CheckpointError(f"'{first_layer}.weight' has {width} channels; expected {expected}")
    return width


def some_keys(keys: Iterable[str]) -> str:
    """Return the first few names as text, and how many more there are."""
    ordered = sorted(keys)
    if not ordered:
        return 'nothing'
    shown = ', '.join(repr(key) for key in ordered[:_SHOWN_KEYS])
    rest = len(ordered) - _SHOWN_KEYS
    return f'{shown} and {rest} more' if rest > 0 else shown
