# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Arrays as pickles describe them: made empty, given dtype, shape and bytes afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import CheckpointError, quoted

MOST_DIMENSIONS = 32
"""Of an array that is read."""

_DTYPE_CODES = frozenset({'f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1'})
_BYTE_ORDERS = frozenset({'<', '>', '|', '='})


def shown(value: Any) -> str:
    """Return a text for a message; of a collection, which may unfold to much, its kind alone."""
    return quoted(value) if isinstance(value, str) else type(value).__name__


class PickledArray:
    """An array of a pickle; `array` is None where the pickle does not say what is in it."""

    def __init__(self) -> None:
        """Start without content, as pickles do."""
        self.array: npt.NDArray[Any] | None = None

    def set_state(self, state: Any) -> None:
        """Take (version, shape, dtype, whether in Fortran order, bytes)."""
        _, shape, dtype, is_fortran, content = state
        if not (isinstance(dtype, PickledDtype) and isinstance(content, bytes | memoryview)):
            raise ValueError('an array has no dtype or no bytes')
        is_shape = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not is_shape or len(shape) > MOST_DIMENSIONS:
            raise ValueError('an array has no shape')
        flat: npt.NDArray[Any] = np.frombuffer(content, dtype.numpy())
        self.array = flat.reshape(shape, order='F' if is_fortran is True else 'C')


class PickledDtype:
    """The dtype of an array, of plain numbers only."""

    def __init__(self, code: Any) -> None:
        """Take the code ('f4'); raises CheckpointError for one of no plain numbers."""
        if not isinstance(code, str) or code not in _DTYPE_CODES:
            raise CheckpointError(f'it holds an array of dtype {shown(code)}; expected numbers')
        self._code = code
        self._byte_order = '='

    def set_state(self, state: Any) -> None:
        """Take the byte order, which is all that plain numbers need."""
        order = state[1] if isinstance(state, tuple) else None
        if not isinstance(order, str) or order not in _BYTE_ORDERS:
            raise ValueError('a dtype has no byte order')
        self._byte_order = order

    def numpy(self) -> np.dtype[Any]:
        """Return it as NumPy knows it."""
        return np.dtype(self._byte_order + self._code)
