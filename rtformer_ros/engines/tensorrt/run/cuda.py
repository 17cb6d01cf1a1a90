# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The interface to CUDA that running a plan needs, from whatever library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt


@dataclass
class MirroredMemory:
    """
    The same bytes on the host and on the device.

    host: uint8 [nbytes] in pinned memory, gone once it is freed; address: where the device has
    them; owner: what keeps them alive in the library that allocated them. is_mapped: both are one
    memory, of which nothing is ever copied.
    """

    host: npt.NDArray[np.uint8]
    address: int
    owner: object = None
    is_mapped: bool = False


class CudaGraph(Protocol):
    """Work that was recorded once."""

    def replay(self) -> None:
        """Enqueue it on the stream that it was recorded on."""

    def close(self) -> None:
        """Free it; nothing may be running."""


class Cuda(Protocol):
    """
    One CUDA device and one stream of its own that is not the default one.

    All but `synchronize` return before the work is done. Every method but the constructor and
    `make_current` expects the device to be current in the calling thread. Not thread-safe.
    Every error of the library is raised as EngineError.
    """

    library: str
    """Name and version, for people."""

    maps_memory: bool
    """Whether host and device share what `allocate` returns, see uses_mapped_memory."""

    @property
    def stream(self) -> int:
        """Return the handle of the stream (cudaStream_t)."""

    def make_current(self) -> None:
        """Make this device the calling thread's."""

    def allocate(self, nbytes: int, *, is_table: bool = False) -> MirroredMemory:
        """
        Return new memory, all zero on the host; its address is a multiple of 256.

        is_table: the device reads it again for every pixel, and the host seldom writes it. It is
        never mapped: the GPU of a Jetson may read mapped memory past its caches, which costs
        little for a frame, that is read once, but not here.
        """

    def reserve(self, nbytes: int) -> MirroredMemory:
        """Return memory of the device alone, with nothing on the host; its address as above."""

    def free(self, memory: MirroredMemory) -> None:
        """Give memory back; nothing may be running."""

    def upload(self, memory: MirroredMemory) -> None:
        """Enqueue the copy from the host to the device, of mapped memory none."""

    def download(self, memory: MirroredMemory) -> None:
        """Enqueue the copy from the device to the host, of mapped memory none."""

    def synchronize(self) -> None:
        """Wait until the stream is empty; errors of what ran on it are raised here."""

    def capture(self, enqueue: Callable[[], bool]) -> CudaGraph:
        """
        Record what `enqueue` puts on the stream, without running it.

        enqueue: returns whether it could. It must have run once before, and other threads may use
        CUDA meanwhile. Raises EngineError where it could not, or where it cannot be recorded.
        """

    def close(self) -> None:
        """Destroy the stream; safe repeatedly."""
