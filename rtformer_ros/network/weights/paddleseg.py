"""
Read PaddleSeg's weights (.pdparams) without Paddle and without trusting the file.

A .pdparams file is a pickle (protocol 2 to 4) of {key: NumPy array}, and a pickle may name any
function to be called. Here nothing of the file's choosing is ever called: the few names that
such a file needs stand for the classes and functions below, and any other name is refused.
The layout is that of `paddle.save` (Paddle 2.x, python/paddle/framework/io.py).
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rtformer_ros.errors import CheckpointError

_NAME_TABLE = 'StructuredToParameterName@@'
_SLICE_TABLE = 'UnpackBigParamInfor@@'
_BFLOAT16_BITS = np.dtype('uint16')
_DTYPE_CODES = frozenset({'f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1'})
_BYTE_ORDERS = frozenset({'<', '>', '|', '='})
_BROKEN_PICKLE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
)


def read_pdparams(path: Path) -> dict[str, Tensor]:
    """
    Return the weights of a .pdparams file by our names (running_mean for _mean, ...).

    Arrays become float32 tensors; bfloat16 (stored as uint16) is widened.
    Raises CheckpointError for a file that cannot be read, is cut short, asks for anything but
    NumPy arrays, or holds anything else under a key.
    """
    saved = _unpickle(path)
    if not isinstance(saved, dict):
        raise CheckpointError(
            f'{path} holds a {type(saved).__name__}; expected a dict of weights as '
            'paddle.save(model.state_dict(), ...) writes it'
        )
    saved.pop(_NAME_TABLE, None)
    arrays = _joined_slices(saved, path)
    return {_our_name(key): _tensor(key, value, path) for key, value in arrays.items()}


def _unpickle(path: Path) -> Any:
    try:
        with path.open('rb') as file:
            if file.read(4) == b'PK\x03\x04':
                raise CheckpointError('it is a zip archive, as PyTorch writes; expected a pickle')
            file.seek(0)
            return _ArrayUnpickler(file).load()
    except CheckpointError as error:
        raise CheckpointError(f'{path} is no .pdparams file: {error}') from error
    except OSError as error:
        raise CheckpointError(f'cannot read {path}: {error}') from error
    except _BROKEN_PICKLE as error:
        raise CheckpointError(
            f'{path} is cut short or is no .pdparams file ({type(error).__name__}: {error}); '
            'fetch it again and compare its size'
        ) from error


class _PickledDtype:
    """Stand for numpy.dtype, for plain numbers only."""

    def __init__(self, code: str, *_flags: Any) -> None:
        if code not in _DTYPE_CODES:
            raise CheckpointError(f'it holds an array of dtype {code!r}; expected numbers')
        self._code = code
        self._byte_order = '='

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order, which is all that plain numbers need."""
        self._byte_order = state[1]
        if self._byte_order not in _BYTE_ORDERS:
            raise ValueError(f'byte order {self._byte_order!r}')

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self._byte_order + self._code)


class _PickledArray:
    """Stand for numpy.ndarray while its state has not come yet."""

    def __init__(self, *_placeholder: Any) -> None:
        self.array: npt.NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take (version, shape, dtype, whether in Fortran order, bytes)."""
        _, shape, dtype, is_fortran, content = state
        flat: npt.NDArray[Any] = np.frombuffer(content, dtype.numpy())
        self.array = flat.reshape(shape, order='F' if is_fortran else 'C')


def _encode(text: str, encoding: str) -> bytes:
    """Stand for _codecs.encode, by which protocol 2 carries bytes."""
    if encoding != 'latin1':
        raise ValueError(f'encoding {encoding!r}')
    return text.encode('latin1')


_STAND_INS: dict[tuple[str, str], Any] = {
    ('numpy', 'ndarray'): _PickledArray,
    ('numpy', 'dtype'): _PickledDtype,
    ('numpy.core.multiarray', '_reconstruct'): _PickledArray,
    ('numpy._core.multiarray', '_reconstruct'): _PickledArray,
    ('_codecs', 'encode'): _encode,
    ('collections', 'OrderedDict'): OrderedDict,
    ('builtins', 'tuple'): tuple,
    ('__builtin__', 'tuple'): tuple,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a global; raise CheckpointError for one of no use here."""
        stand_in = _STAND_INS.get((module, name))
        if stand_in is None:
            raise CheckpointError(
                f"it asks for '{module}.{name}', which weights do not need, and was refused "
                'because such a file can run code; expected NumPy arrays only'
            )
        return stand_in


def _joined_slices(saved: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return `saved` with arrays that were split over several keys put together again."""
    table = saved.pop(_SLICE_TABLE, {})
    try:
        for key, entry in table.items():
            parts = [_array(part, saved.pop(part), path) for part in entry['slices']]
            saved[key] = np.concatenate(parts).reshape(entry['OriginShape'])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: the table '{_SLICE_TABLE}' does not fit the arrays that it splits "
            f'({type(error).__name__}: {error}); save the weights again with protocol 4'
        ) from error
    return saved


def _array(key: str, value: Any, path: Path) -> npt.NDArray[Any]:
    """Return the array under a key, be it bare or in a (name, array) pair."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    if isinstance(value, _PickledArray):
        value = value.array
    if not isinstance(value, np.ndarray):
        raise CheckpointError(
            f"{path}: key '{key}' holds a {type(value).__name__}; expected a NumPy array"
        )
    return value


def _tensor(key: str, value: Any, path: Path) -> Tensor:
    array = _array(key, value, path)
    if array.dtype.newbyteorder('=') == _BFLOAT16_BITS:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    elif array.dtype.kind != 'f':
        raise CheckpointError(f"{path}: key '{key}' holds {array.dtype}; expected float weights")
    # ascontiguousarray makes a scalar one-dimensional; the copy makes the memory writable.
    return torch.from_numpy(np.array(array, dtype=np.float32, order='C'))


def _our_name(key: Any) -> str:
    """Return PyTorch's name for a key; the layers are called alike."""
    prefix, _, leaf = str(key).rpartition('.')
    leaf = {'_mean': 'running_mean', '_variance': 'running_var'}.get(leaf, leaf)
    return f'{prefix}.{leaf}' if prefix else leaf
