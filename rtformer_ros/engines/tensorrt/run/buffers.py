# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Transfer buffers: tensors laid out so that all go to the device, or come back, in one copy."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda, MirroredMemory

ALIGNMENT = 256
"""What the address of every tensor of a plan is a multiple of, in bytes."""


@dataclass(frozen=True)
class TensorForm:
    """Name, whole shape and element type of a tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Return how many bytes its elements take."""
        return math.prod(self.shape) * self.dtype.itemsize


class TransferBuffer:
    """
    Tensors in pinned host memory and, laid out alike, in device memory; one of both if mapped.

    forms: of the tensors; arrays: the host's side by name, views of its memory; addresses: the
    device's side by name; nbytes: on each side.
    """

    forms: Sequence[TensorForm]

    arrays: Mapping[str, npt.NDArray[Any]]
    addresses: Mapping[str, int]

    def __init__(self, cuda: Cuda, forms: Sequence[TensorForm], *, is_table: bool = False) -> None:
        """
        Allocate memory for at least one tensor; raises EngineError where it is short.

        is_table: as of Cuda.allocate.
        """
        self._cuda = cuda
        self.forms = tuple(forms)
        starts, total = _layout(forms)
        self.nbytes = total
        self._memory: MirroredMemory | None = cuda.allocate(total, is_table=is_table)
        host, address = self._memory.host, self._memory.address
        self.arrays = {
            form.name: host[start : start + form.nbytes].view(form.dtype).reshape(form.shape)
            for form, start in zip(forms, starts, strict=True)
        }
        self.addresses = {
            form.name: address + start for form, start in zip(forms, starts, strict=True)
        }

    def upload(self) -> None:
        """Enqueue the copy of all tensors to the device; nothing where they are mapped."""
        self._cuda.upload(self._open_memory())

    def download(self) -> None:
        """Enqueue the copy of all tensors from the device; nothing where they are mapped."""
        self._cuda.download(self._open_memory())

    def close(self) -> None:
        """Free the memory, once nothing runs that uses it; safe repeatedly."""
        memory, self._memory = self._memory, None
        self.arrays, self.addresses = {}, {}
        if memory is not None:
            self._cuda.free(memory)

    def _open_memory(self) -> MirroredMemory:
        assert self._memory is not None, 'used after close()'
        return self._memory


def _layout(forms: Sequence[TensorForm]) -> tuple[list[int], int]:
    """Return the byte at which each tensor starts, and the size of all, at least one byte."""
    starts, end = [], 0
    for form in forms:
        start = math.ceil(end / ALIGNMENT) * ALIGNMENT
        starts.append(start)
        end = start + form.nbytes
    return starts, max(end, 1)
