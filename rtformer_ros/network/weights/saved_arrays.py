# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Turn what a training script saved, a dict of arrays and what is around it, into weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import CheckpointError, quoted
import torch
from torch import Tensor

# What training scripts keep the weights under, beside epochs and optimisers.
_WRAPPERS = ('state_dict', 'model')
_BFLOAT16_BITS = np.dtype('uint16')
_FLOAT32_BYTES = 4
_WIDENING = 2  # of what is stored as 16 bits
_SMALL_BYTES = 1 << 20


def weights_in(saved: Any, how: str, path: Path) -> dict[str, Any]:
    """
    Return the dict of weights in what a file holds, be it wrapped in others or not.

    how: by which call such files are written. Raises CheckpointError for anything else.
    """
    for _ in _WRAPPERS:
        saved = _unwrapped(saved)
    if not isinstance(saved, dict):
        raise CheckpointError(
            f'{path} holds a {type(saved).__name__}; expected a dict of weights as {how} writes it'
        )
    return saved


def _unwrapped(saved: Any) -> Any:
    inner = (saved.get(wrapper) for wrapper in _WRAPPERS) if isinstance(saved, dict) else ()
    return next((each for each in inner if isinstance(each, dict)), saved)


def check_total(count: int, file_bytes: int, path: Path) -> None:
    """Raise CheckpointError where weights of `count` numbers in all outgrow their file."""
    total = count * _FLOAT32_BYTES
    if total > _WIDENING * file_bytes + _SMALL_BYTES:
        raise CheckpointError(
            f'{path} has {file_bytes} bytes and its weights would take {total}: it has the same '
            'arrays under many keys; save the weights again'
        )


def float_tensor(key: str, array: npt.NDArray[Any], path: Path) -> Tensor:
    """
    Return an array as a float32 tensor of its own; uint16 holds the bits of bfloat16.

    Raises CheckpointError for one of anything but floats.
    """
    if array.dtype.newbyteorder('=') == _BFLOAT16_BITS:
        bits = array.astype(np.uint32, order='C')
        bits <<= 16
        return torch.from_numpy(bits.view(np.float32))
    if array.dtype.kind != 'f':
        raise CheckpointError(
            f'{path}: key {quoted(key)} holds {array.dtype}; expected float weights'
        )
    # ascontiguousarray makes a scalar one-dimensional; the copy makes the memory writable.
    return torch.from_numpy(np.array(array, dtype=np.float32, order='C'))
