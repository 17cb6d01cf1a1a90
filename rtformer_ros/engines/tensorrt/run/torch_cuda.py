# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CUDA through PyTorch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.run.cuda import MirroredMemory
from rtformer_ros.engines.tensorrt.run.mapped_memory import uses_mapped_memory
from rtformer_ros.errors import EngineError, EngineUnavailable
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtformer_ros.engines.tensorrt.run.cuda import CudaGraph


class TorchCuda:
    """A CUDA device as PyTorch sees it, with a stream; see Cuda for what each method promises."""

    def __init__(self, device: torch.device, *, maps_memory: bool = False) -> None:
        """Create the stream."""
        self.library = f'PyTorch {torch.__version__}'
        self.maps_memory = maps_memory
        self._device = device
        with _translated('create a stream'):
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._stream: torch.cuda.Stream | None = stream

    @classmethod
    def open(cls, index: int) -> TorchCuda:
        """Return device `index`; raises EngineUnavailable where there is none."""
        if torch.version.cuda is None:
            raise EngineUnavailable(f'PyTorch {torch.__version__} was built without CUDA')
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if index >= count:
            raise EngineUnavailable(
                f'device is cuda:{index}, but PyTorch {torch.__version__} (for CUDA '
                f'{torch.version.cuda}) sees {count} CUDA device(s); check the driver with '
                'nvidia-smi, and that it is recent enough for this build of PyTorch'
            )
        device = torch.device('cuda', index)
        with _translated('look at the device'):
            found = torch.cuda.get_device_properties(device)
        return cls(
            device,
            maps_memory=uses_mapped_memory(
                is_integrated=bool(found.is_integrated),
                # All devices that PyTorch takes can: their addresses are the host's.
                can_map_host_memory=True,
                capability=(found.major, found.minor),
            ),
        )

    @property
    def stream(self) -> int:
        """Return the handle of the stream."""
        return int(self._open_stream().cuda_stream)

    def make_current(self) -> None:
        """Make this device the calling thread's."""
        with _translated('use the device'):
            torch.cuda.set_device(self._device)

    def allocate(self, nbytes: int, *, is_table: bool = False) -> MirroredMemory:
        """Return new memory."""
        is_mapped = self.maps_memory and not is_table
        with _translated(f'allocate {nbytes} bytes'):
            # The CPU build used by tests can pin nothing.
            host = torch.zeros(nbytes, dtype=torch.uint8, pin_memory=self._device.type == 'cuda')
            if is_mapped:
                # With unified addresses pinned memory is mapped, and has one address for both.
                return MirroredMemory(host.numpy(), host.data_ptr(), (host, host), is_mapped=True)
            # Not zeros, which take a kernel: a PyTorch that has none for this GPU still copies.
            on_device = torch.empty(nbytes, dtype=torch.uint8, device=self._device)
            # Who had this memory before may still write to it, on a stream of PyTorch's.
            torch.cuda.synchronize(self._device)
        return MirroredMemory(host.numpy(), on_device.data_ptr(), (host, on_device))

    def reserve(self, nbytes: int) -> MirroredMemory:
        """Return new memory of the device alone."""
        with _translated(f'allocate {nbytes} bytes'):
            on_device = torch.empty(nbytes, dtype=torch.uint8, device=self._device)
            torch.cuda.synchronize(self._device)
        return MirroredMemory(np.empty(0, np.uint8), on_device.data_ptr(), on_device)

    def free(self, memory: MirroredMemory) -> None:
        """Let go of the tensors."""
        memory.owner = None

    def upload(self, memory: MirroredMemory) -> None:
        """Enqueue the copy from the host to the device, if they are two."""
        host, on_device = _tensors(memory)
        if memory.is_mapped:
            return
        with _translated('copy to the device'), torch.cuda.stream(self._open_stream()):
            on_device.copy_(host, non_blocking=True)

    def download(self, memory: MirroredMemory) -> None:
        """Enqueue the copy from the device to the host, if they are two."""
        host, on_device = _tensors(memory)
        if memory.is_mapped:
            return
        with _translated('copy from the device'), torch.cuda.stream(self._open_stream()):
            host.copy_(on_device, non_blocking=True)

    def synchronize(self) -> None:
        """Wait until the stream is empty."""
        with _translated('finish what was enqueued'):
            self._open_stream().synchronize()

    def capture(self, enqueue: Callable[[], bool]) -> CudaGraph:
        """Record what `enqueue` puts on the stream."""
        stream, graph, is_enqueued = self._open_stream(), torch.cuda.CUDAGraph(), False
        with (
            _translated('record a CUDA graph'),
            # Where the recording fails to end, torch.cuda.graph leaves its stream current.
            torch.cuda.stream(stream),
            torch.cuda.graph(graph, stream=stream, capture_error_mode='thread_local'),
        ):
            is_enqueued = enqueue()
        if not is_enqueued:
            raise EngineError('the work was refused while a CUDA graph was recorded')
        return _TorchGraph(graph, stream)

    def close(self) -> None:
        """Let go of the stream, and give to others the memory that PyTorch holds in reserve."""
        if self._stream is not None:
            self._stream = None
            with _translated('give memory back'):
                torch.cuda.empty_cache()

    def _open_stream(self) -> torch.cuda.Stream:
        assert self._stream is not None, 'used after close()'
        return self._stream


class _TorchGraph:
    """A recorded graph and the stream that it runs on."""

    def __init__(self, graph: torch.cuda.CUDAGraph, stream: torch.cuda.Stream) -> None:
        self._graph: torch.cuda.CUDAGraph | None = graph
        self._stream = stream

    def replay(self) -> None:
        """Enqueue the graph."""
        assert self._graph is not None, 'used after close()'
        with _translated('replay the CUDA graph'), torch.cuda.stream(self._stream):
            self._graph.replay()

    def close(self) -> None:
        """Free the graph."""
        self._graph = None


def _tensors(memory: MirroredMemory) -> tuple[torch.Tensor, torch.Tensor]:
    assert isinstance(memory.owner, tuple), 'used after free()'
    host, on_device = memory.owner
    return host, on_device


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    # Out of memory and errors of kernels are children of RuntimeError.
    except RuntimeError as error:
        raise EngineError(f'PyTorch cannot {what}: {error}') from error
