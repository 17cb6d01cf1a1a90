# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's tensors as pickles describe them: views of storages whose bytes lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros.network.weights.pickled_array import MOST_DIMENSIONS, shown

STORAGE_DTYPES = {
    'DoubleStorage': np.dtype('<f8'),
    'FloatStorage': np.dtype('<f4'),
    'HalfStorage': np.dtype('<f2'),
    # NumPy has no bfloat16; its bits are kept as Paddle keeps them.
    'BFloat16Storage': np.dtype('<u2'),
    'LongStorage': np.dtype('<i8'),
    'IntStorage': np.dtype('<i4'),
    'ShortStorage': np.dtype('<i2'),
    'CharStorage': np.dtype('i1'),
    'ByteStorage': np.dtype('u1'),
    'BoolStorage': np.dtype('b1'),
}
"""Element types by PyTorch's names for storages."""


@dataclass(frozen=True)
class PickledStorage:
    """A run of `count` numbers that the file keeps under `key`."""

    key: str
    dtype: np.dtype[Any]
    count: int

    @classmethod
    def named(cls, identifier: Any) -> PickledStorage:
        """Take ('storage', type, key, device, count, view); raises ValueError for another."""
        is_known = isinstance(identifier, tuple) and 5 <= len(identifier) <= 6
        if not is_known or identifier[0] != 'storage' or identifier[5:] not in ((), (None,)):
            raise ValueError('it names what is no storage')
        _, dtype, key, _, count = identifier[:5]
        is_whole = isinstance(dtype, np.dtype) and isinstance(key, str) and _is_count(count)
        if not is_whole:
            raise ValueError('a storage has no type, key or size')
        return cls(key, dtype, count)


class PickledTensor:
    """A strided view of a storage."""

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any) -> None:
        """Take the view, in elements; raises ValueError for one that leaves its storage."""
        if not isinstance(storage, PickledStorage) or not _is_count(offset):
            raise ValueError('a tensor has no storage')
        for numbers in (shape, strides):
            if not isinstance(numbers, tuple) or not all(map(_is_count, numbers)):
                raise ValueError(f'a tensor has no shape or strides ({shown(numbers)})')
        if len(shape) != len(strides) or len(shape) > MOST_DIMENSIONS:
            raise ValueError('the shape and the strides of a tensor do not fit')
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if 0 not in shape and last >= storage.count:
            raise ValueError('a tensor goes beyond its storage')
        self.storage = storage
        self._view = (offset, shape, strides)

    @property
    def size(self) -> int:
        """The number of elements."""
        shape = self._view[1]
        count = 1
        for side in shape:
            count *= side
        return count

    def array(self, storages: Mapping[str, memoryview]) -> npt.NDArray[Any]:
        """Return it as an array over the bytes of its storage; raises LookupError, ValueError."""
        storage, (offset, shape, strides) = self.storage, self._view
        width = storage.dtype.itemsize
        whole = np.frombuffer(storages[storage.key], storage.dtype, storage.count)
        view: npt.NDArray[Any] = np.ndarray(
            shape, storage.dtype, whole.data, offset * width, [s * width for s in strides]
        )
        return view


def _new_tensor(_machine: object, arguments: tuple[Any, ...]) -> PickledTensor:
    return PickledTensor(*arguments[:4])


def _parameter(_machine: object, arguments: tuple[Any, ...]) -> Any:
    return arguments[0]


def _number(_machine: object, _arguments: tuple[Any, ...]) -> None:
    """Stand for a number of NumPy's, such as the best score of a training: of no use here."""


TORCH_FUNCTIONS: dict[tuple[str, str], Callable[[Any, tuple[Any, ...]], Any]] = {
    ('torch._utils', '_rebuild_tensor_v2'): _new_tensor,
    ('torch._utils', '_rebuild_tensor'): _new_tensor,
    ('torch._utils', '_rebuild_parameter'): _parameter,
    ('numpy.core.multiarray', 'scalar'): _number,
    ('numpy._core.multiarray', 'scalar'): _number,
}
"""What stands for the functions, by module and name, that pickles of tensors call."""


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
