# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read PaddleSeg's weights (.pdparams) without Paddle and without trusting the file.

A .pdparams file is a pickle (protocol 2 to 4) of {key: NumPy array}, which array_pickle reads as
data. Loading takes at most four times the memory of the file, and 64 MiB.
The layout is that of `paddle.save` (Paddle 2.x, python/paddle/framework/io.py).
"""

from __future__ import annotations

import os
from pathlib import Path
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import CheckpointError, quoted, shown
from rtformer_ros.files.text_file import open_regular
from rtformer_ros.network.weights.array_pickle import load_arrays
from rtformer_ros.network.weights.pickled_array import PickledArray
from rtformer_ros.network.weights.saved_arrays import check_total, float_tensor, weights_in
from torch import Tensor

_NAME_TABLE = 'StructuredToParameterName@@'
_SLICE_TABLE = 'UnpackBigParamInfor@@'
_MOST_BYTES = 1 << 31
_BROKEN_PICKLE = (ValueError, TypeError, LookupError, ArithmeticError, struct.error)


def read_pdparams(path: Path) -> dict[str, Tensor]:
    """
    Return the weights of a .pdparams file by our names (running_mean for _mean, ...).

    Arrays become float32 tensors; bfloat16 (stored as uint16) is widened.
    Raises CheckpointError for a file that cannot be read, is cut short, asks for anything but
    NumPy arrays, or holds anything else under a key.
    """
    saved, size = _unpickle(path)
    saved = weights_in(saved, 'paddle.save(model.state_dict(), ...)', path)
    saved.pop(_NAME_TABLE, None)
    bare = map(_bare, saved.values())
    check_total(sum(array.size for array in bare if array is not None), size, path)
    arrays = _joined_slices(saved, path)
    return {
        _our_name(key): float_tensor(key, _array(key, value, path), path)
        for key, value in arrays.items()
    }


def _unpickle(path: Path) -> tuple[Any, int]:
    """Return what a file holds, and how many bytes it has."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MOST_BYTES:
                raise CheckpointError(f'it has more than {_MOST_BYTES} bytes')
            content = file.read(size)
        if content.startswith(b'PK\x03\x04'):
            raise CheckpointError('it is a zip archive, as PyTorch writes; expected a pickle')
        return load_arrays(content), len(content)
    except CheckpointError as error:
        raise CheckpointError(f'{path} is no .pdparams file: {error}') from error
    except OSError as error:
        raise CheckpointError(f'cannot read {path}: {error.strerror}') from error
    except _BROKEN_PICKLE as error:
        raise CheckpointError(
            f'{path} is cut short or is no .pdparams file ({type(error).__name__}: '
            f'{shown(str(error))}); fetch it again and compare its size'
        ) from error


def _joined_slices(saved: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return `saved` with arrays that were split over several keys put together again."""
    table = saved.pop(_SLICE_TABLE, {})
    try:
        for key, entry in table.items():
            parts = [_popped(saved, part, path) for part in entry['slices']]
            if len({part.dtype for part in parts}) != 1:
                raise ValueError('parts of several dtypes')
            saved[key] = np.concatenate(parts).reshape(entry['OriginShape'])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: the table '{_SLICE_TABLE}' does not fit the arrays that it splits "
            f'({type(error).__name__}: {shown(str(error))}); save the weights again with '
            'protocol 4'
        ) from error
    return saved


def _popped(saved: dict[str, Any], part: Any, path: Path) -> npt.NDArray[Any]:
    if not isinstance(part, str):
        raise TypeError('the name of a part is no text')
    return _array(part, saved.pop(part), path)


def _array(key: str, value: Any, path: Path) -> npt.NDArray[Any]:
    array = _bare(value)
    if array is None:
        raise CheckpointError(
            f'{path}: key {quoted(key)} holds a {type(value).__name__}; expected a NumPy array'
        )
    return array


def _bare(value: Any) -> npt.NDArray[Any] | None:
    """Return an array that is bare or in a (name, array) pair; None for anything else."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    if isinstance(value, PickledArray):
        return value.array
    return value if isinstance(value, np.ndarray) else None


def _our_name(key: str) -> str:
    """Return PyTorch's name for a key; the layers are called alike."""
    prefix, _, leaf = key.rpartition('.')
    leaf = {'_mean': 'running_mean', '_variance': 'running_var'}.get(leaf, leaf)
    return f'{prefix}.{leaf}' if prefix else leaf
