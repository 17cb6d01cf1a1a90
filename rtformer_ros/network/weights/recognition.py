"""Tell from weights alone which network they belong to, and whether they fit it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from rtformer_ros.errors import CheckpointError
from rtformer_ros.network.architecture import VARIANTS, Architecture
from rtformer_ros.network.rtformer import RTFormer

HEAD_PREFIXES = ('spp.', 'seghead.', 'seghead_extra.')
"""Names of what is trained for segmentation alone; the rest is the backbone."""

_UNUSED_SUFFIX = 'num_batches_tracked'
_LAST_LAYER = 'seghead.conv2.weight'
_SHOWN_KEYS = 4


def has_head(state: Mapping[str, Tensor]) -> bool:
    """Tell whether weights are of a whole network, not of a backbone alone."""
    return _LAST_LAYER in state


def inferred_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """
    Return the arguments of Architecture that the shapes of weights show.

    A backbone alone gets the smallest head. The grid of cross-resolution attention leaves no
    trace: it is that of the published network with the same variant and injection. Raises
    CheckpointError, naming the key at fault, for weights of another network.
    """
    widths = {published.base_channels: name for name, published in VARIANTS.items()}
    base_channels = _width_of(state, 'conv1.0.weight')
    if base_channels not in widths:
        raise CheckpointError(
            f"'conv1.0.weight' has {base_channels} channels; expected "
            + ' or '.join(f'{width} ({name})' for width, name in widths.items())
        )
    variant = widths[base_channels]
    injection = tuple(f'{block}.down.0.weight' in state for block in ('layer4', 'layer5'))
    # Published for ADE20K; the only slim network without injection in block 5.
    is_slim_ade20k = variant == 'slim' and injection == (True, False)
    is_whole = has_head(state)
    return {
        'variant': variant,
        'num_classes': _width_of(state, _LAST_LAYER) if is_whole else 1,
        'base_channels': base_channels,
        'head_channels': max(1, _width_of(state, 'seghead.conv1.weight') // 2) if is_whole else 1,
        'cross_size': 8 if is_slim_ade20k else VARIANTS[variant].cross_size,
        'injection': injection,
        'drop_path_rate': VARIANTS[variant].drop_path_rate,
        'aux_head': 'seghead_extra.conv1.weight' in state,
    }


def expected_weights(architecture: Architecture) -> dict[str, Tensor]:
    """Return tensors without content for all weights of a network, by name."""
    with torch.device('meta'):
        state = RTFormer(architecture).state_dict()
    return {key: value for key, value in state.items() if not key.endswith(_UNUSED_SUFFIX)}


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


def some_keys(keys: Iterable[str]) -> str:
    """Return the first few names as text, and how many more there are."""
    ordered = sorted(keys)
    if not ordered:
        return 'nothing'
    shown = ', '.join(repr(key) for key in ordered[:_SHOWN_KEYS])
    rest = len(ordered) - _SHOWN_KEYS
    return f'{shown} and {rest} more' if rest > 0 else shown


def _width_of(state: Mapping[str, Tensor], key: str) -> int:
    """Return the output channels of a convolution."""
    if key not in state:
        raise CheckpointError(
            f"is no RTFormer checkpoint: it lacks '{key}'. Its keys are {some_keys(state)}"
        )
    if state[key].ndim != 4:
        raise CheckpointError(
            f"'{key}' has the shape {list(state[key].shape)}; expected a convolution's "
            '[out, in, height, width]'
        )
    return state[key].shape[0]
