# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
A GPU in host memory, under the functions and return values of cuda-python's runtime module.

What is put on a stream is done when the stream is waited for, not before, so that a result that
is read too early is an old one. Device memory starts as noise. Mapped memory of the host has
another address on the device.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from dataclasses import dataclass
import enum
from types import SimpleNamespace
from typing import Any

ALIGNMENT = 256
_NOISE = 0xCD
# Far from where this process has any memory.
_MAPPED_AT = 1 << 52


class Status(enum.IntEnum):
    """The few of cudaError_t that are used here."""

    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorNoDevice = 100
    cudaErrorIllegalAddress = 700
    cudaErrorStreamCaptureUnsupported = 900


NAMES = SimpleNamespace(
    cudaError_t=Status,
    cudaMemcpyKind=enum.Enum('cudaMemcpyKind', 'cudaMemcpyHostToDevice cudaMemcpyDeviceToHost'),
    cudaStreamCaptureMode=enum.Enum(
        'cudaStreamCaptureMode', 'cudaStreamCaptureModeGlobal cudaStreamCaptureModeThreadLocal'
    ),
    cudaStreamNonBlocking=1,
    cudaHostAllocDefault=0,
    cudaHostAllocMapped=2,
    cudaDeviceAttr=enum.IntEnum(
        'cudaDeviceAttr',
        {
            'cudaDevAttrIntegrated': 18,
            'cudaDevAttrCanMapHostMemory': 19,
            'cudaDevAttrComputeCapabilityMajor': 75,
            'cudaDevAttrComputeCapabilityMinor': 76,
        },
    ),
    cudaStream_t=int,
    cudaGraph_t=int,
    cudaGraphExec_t=int,
)


@dataclass(frozen=True)
class Properties:
    """What a device says of itself."""

    is_integrated: bool = False
    can_map_host_memory: bool = True
    capability: tuple[int, int] = (8, 9)

    def value(self, name: str) -> int:
        """Return an attribute by its name in cudaDeviceAttr."""
        major, minor = self.capability
        return {
            'cudaDevAttrIntegrated': int(self.is_integrated),
            'cudaDevAttrCanMapHostMemory': int(self.can_map_host_memory),
            'cudaDevAttrComputeCapabilityMajor': major,
            'cudaDevAttrComputeCapabilityMinor': minor,
        }[name]


DISCRETE, ORIN = Properties(), Properties(is_integrated=True, capability=(8, 7))


class SimulatedCudart:
    """
    A machine with `device_count` GPUs of the same properties.

    names: where enums, constants and handle types come from; the real module gives the real ones.
    calls: (function, arguments) in order. failing: status by function, returned by the next call.
    """

    __name__ = 'simulated.cudart'

    def __init__(
        self, names: Any = NAMES, device_count: int = 1, properties: Properties = DISCRETE
    ) -> None:
        self._names = names
        self._properties = properties
        self._device_count = device_count
        self._handles = 0x1000
        self._pending: dict[int, list[Callable[[], None]]] = {}
        self._recording: dict[int, list[Callable[[], None]]] = {}
        self._graphs: dict[int, list[Callable[[], None]]] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.failing: dict[str, Any] = {}
        self.device: dict[int, Any] = {}
        self.pinned: dict[int, Any] = {}
        self.mapped: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Record a call and do it; constants and types are those of `names`."""
        function = getattr(type(self), f'_{name}', None)
        if function is None:
            return getattr(self._names, name)

        def call(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            success = self._names.cudaError_t.cudaSuccess
            status = self.failing.pop(name, success)
            if status != success:
                # A recording that fails has ended all the same.
                if name == 'cudaStreamEndCapture':
                    del self._recording[int(arguments[0])]
                return (status, None)
            result = function(self, *arguments)
            return (success,) if result is None else (success, result)

        return call

    def count(self, name: str) -> int:
        """Return how often a function was called."""
        return sum(called == name for called, _ in self.calls)

    def calls_of(self, action: Callable[[], Any]) -> tuple[Any, list[str]]:
        """Return what an action returns, and the functions that it calls."""
        before = len(self.calls)
        result = action()
        return result, [name for name, _ in self.calls[before:]]

    def enqueue(self, stream: int, work: Callable[[], None]) -> None:
        """Put work on a stream, as TensorRT does; it is recorded while the stream records."""
        queue = self._recording.get(stream)
        (self._pending[stream] if queue is None else queue).append(work)

    def bytes_at(self, address: int, nbytes: int) -> memoryview:
        """Return what the device has at an address, which must be its own or mapped memory."""
        for start, block in (*self.device.items(), *self.mapped.items()):
            if start <= address and address + nbytes <= start + block.nbytes:
                return block.view[address - start :][:nbytes]
        raise AssertionError(f'{nbytes} bytes at {address:#x} are not allocated on the device')

    def _handle(self) -> int:
        self._handles += 1
        return self._handles

    def _cudaGetDeviceCount(self) -> int:
        return self._device_count

    def _cudaSetDevice(self, device: int) -> None:
        assert 0 <= device < self._device_count

    def _cudaDeviceGetAttribute(self, attribute: Any, device: int) -> int:
        assert 0 <= device < self._device_count
        return self._properties.value(attribute.name)

    def _cudaGetErrorString(self, error: Any) -> bytes:
        return f'text of {error.name}'.encode()

    def _cudaRuntimeGetVersion(self) -> int:
        return 12060

    def _cudaMalloc(self, size: int) -> int:
        return _allocate(self.device, size)

    def _cudaHostAlloc(self, size: int, flags: int) -> int:
        address = _allocate(self.pinned, size)
        if flags == self._names.cudaHostAllocMapped:
            assert self._properties.can_map_host_memory
            self.mapped[address + _MAPPED_AT] = self.pinned[address]
        else:
            assert flags == self._names.cudaHostAllocDefault
        return address

    def _cudaHostGetDevicePointer(self, host: int, flags: int) -> int:
        assert flags == 0
        assert host + _MAPPED_AT in self.mapped, 'the memory is not mapped'
        return host + _MAPPED_AT

    def _cudaFree(self, address: int) -> None:
        self._assert_idle()
        del self.device[address]

    def _cudaFreeHost(self, address: int) -> None:
        self._assert_idle()
        del self.pinned[address]
        self.mapped.pop(address + _MAPPED_AT, None)

    def _cudaMemcpyAsync(self, to: int, source: int, count: int, kind: Any, stream: Any) -> None:
        is_upload = kind == self._names.cudaMemcpyKind.cudaMemcpyHostToDevice
        pinned, on_device = (source, to) if is_upload else (to, source)
        assert count <= self.pinned[pinned].nbytes
        self.bytes_at(on_device, count)
        self.enqueue(int(stream), lambda: ctypes.memmove(to, source, count))

    def _cudaStreamCreateWithFlags(self, flags: int) -> Any:
        assert flags == self._names.cudaStreamNonBlocking
        handle = self._handle()
        self._pending[handle] = []
        return self._names.cudaStream_t(handle)

    def _cudaStreamDestroy(self, stream: Any) -> None:
        self._assert_idle()
        del self._pending[int(stream)]

    def _cudaStreamSynchronize(self, stream: Any) -> None:
        assert int(stream) not in self._recording
        queue = self._pending[int(stream)]
        while queue:
            queue.pop(0)()

    def _cudaStreamBeginCapture(self, stream: Any, mode: Any) -> None:
        assert mode == self._names.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        assert not self._pending[int(stream)], 'synchronise before recording'
        self._recording[int(stream)] = []

    def _cudaStreamEndCapture(self, stream: Any) -> Any:
        handle = self._handle()
        self._graphs[handle] = self._recording.pop(int(stream))
        return self._names.cudaGraph_t(handle)

    def _cudaGraphInstantiateWithFlags(self, graph: Any, flags: int) -> Any:
        handle = self._handle()
        self._graphs[handle] = list(self._graphs[int(graph)])
        return self._names.cudaGraphExec_t(handle)

    def _cudaGraphDestroy(self, graph: Any) -> None:
        del self._graphs[int(graph)]

    def _cudaGraphLaunch(self, executable: Any, stream: Any) -> None:
        for work in self._graphs[int(executable)]:
            self.enqueue(int(stream), work)

    def _cudaGraphExecDestroy(self, executable: Any) -> None:
        self._assert_idle()
        del self._graphs[int(executable)]

    def _assert_idle(self) -> None:
        assert not any(self._pending.values()), 'freed while work that may use it is under way'

    @property
    def leaks(self) -> list[str]:
        """Return what was created and not given back."""
        kinds = {
            'device memory': self.device,
            'pinned memory': self.pinned,
            'graph': self._graphs,
            'stream': self._pending,
        }
        return [kind for kind, left in kinds.items() if left]


class _Block:
    def __init__(self, size: int) -> None:
        self._buffer = (ctypes.c_uint8 * (size + ALIGNMENT))(*[_NOISE] * 0)
        base = ctypes.addressof(self._buffer)
        self.address = -(-base // ALIGNMENT) * ALIGNMENT
        offset = self.address - base
        self.nbytes = size
        self.view = memoryview(self._buffer).cast('B')[offset : offset + size]
        self.view[:] = bytes([_NOISE]) * size


def _allocate(blocks: dict[int, Any], size: int) -> int:
    assert size > 0
    block = _Block(size)
    blocks[block.address] = block
    return block.address
