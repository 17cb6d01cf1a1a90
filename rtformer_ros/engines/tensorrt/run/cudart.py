# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CUDA through the runtime's own library or, where that is not to be found, cuda-python."""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.run.cuda import MirroredMemory
from rtformer_ros.engines.tensorrt.run.libcudart import LibCudart
from rtformer_ros.engines.tensorrt.run.mapped_memory import uses_mapped_memory
from rtformer_ros.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import numpy.typing as npt
    from rtformer_ros.engines.tensorrt.run.cuda import CudaGraph

# From cuda-python 12.8 on, and before.
_MODULES = ('cuda.bindings.runtime', 'cuda.cudart')


class Cudart:
    """A device of the CUDA runtime, with a stream; see Cuda for what each method promises."""

    def __init__(self, runtime: ModuleType | LibCudart, index: int) -> None:
        """Create the stream; `runtime` is cuda-python's module, or what looks like it."""
        if isinstance(runtime, LibCudart):
            self.library = f'CUDA runtime {runtime.version}'.strip()
        else:
            self.library = f'cuda-python {_version(runtime)}'.strip()
        self._calls = _Calls(runtime)
        self._index = index
        self._stream: Any = None
        self.maps_memory = self._is_to_map()
        self.make_current()
        self._stream = self._calls('cudaStreamCreateWithFlags', runtime.cudaStreamNonBlocking)

    @classmethod
    def open(cls, index: int, runtime: ModuleType | LibCudart | None = None) -> Cudart:
        """Return device `index`; raises EngineUnavailable where there is none."""
        runtime = runtime or load_cudart()
        try:
            count = _Calls(runtime)('cudaGetDeviceCount')
        except EngineError as error:
            raise EngineUnavailable(
                f'{error}; check the driver with nvidia-smi (on a Jetson: tegrastats), and that '
                'it is recent enough for this version of CUDA'
            ) from error
        if index >= count:
            raise EngineUnavailable(
                f'device is cuda:{index}, but CUDA sees {count} device(s); name one of them'
            )
        return cls(runtime, index)

    @property
    def stream(self) -> int:
        """Return the handle of the stream."""
        return int(self._stream)

    def make_current(self) -> None:
        """Make this device the calling thread's."""
        self._calls('cudaSetDevice', self._index)

    def allocate(self, nbytes: int, *, is_table: bool = False) -> MirroredMemory:
        """Return new memory."""
        if self.maps_memory and not is_table:
            return self._allocate_mapped(nbytes)
        on_device = self._calls('cudaMalloc', nbytes)
        try:
            flags = self._calls.runtime.cudaHostAllocDefault
            pinned = self._calls('cudaHostAlloc', nbytes, flags)
        except EngineError:
            self._calls('cudaFree', on_device)
            raise
        owner = (int(pinned), int(on_device))
        return MirroredMemory(_zeros_at(int(pinned), nbytes), int(on_device), owner)

    def reserve(self, nbytes: int) -> MirroredMemory:
        """Return new memory of the device alone."""
        address = int(self._calls('cudaMalloc', nbytes))
        return MirroredMemory(np.empty(0, np.uint8), address, (0, address))

    def free(self, memory: MirroredMemory) -> None:
        """Give both sides back."""
        if memory.owner is not None:
            pinned, on_device = _addresses(memory)
            memory.owner, memory.host = None, np.empty(0, np.uint8)
            if pinned:
                self._calls('cudaFreeHost', pinned)
            if on_device:
                self._calls('cudaFree', on_device)

    def upload(self, memory: MirroredMemory) -> None:
        """Enqueue the copy from the host to the device, if they are two."""
        pinned, on_device = _addresses(memory)
        if memory.is_mapped:
            return
        kind = self._calls.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._calls('cudaMemcpyAsync', on_device, pinned, memory.host.nbytes, kind, self._stream)

    def download(self, memory: MirroredMemory) -> None:
        """Enqueue the copy from the device to the host, if they are two."""
        pinned, on_device = _addresses(memory)
        if memory.is_mapped:
            return
        kind = self._calls.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._calls('cudaMemcpyAsync', pinned, on_device, memory.host.nbytes, kind, self._stream)

    def synchronize(self) -> None:
        """Wait until the stream is empty."""
        self._calls('cudaStreamSynchronize', self._stream)

    def capture(self, enqueue: Callable[[], bool]) -> CudaGraph:
        """Record what `enqueue` puts on the stream."""
        mode = self._calls.runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._calls('cudaStreamBeginCapture', self._stream, mode)
        is_enqueued = False
        try:
            is_enqueued = enqueue()
        finally:
            # Also after an error: the stream takes no other work before its recording has ended.
            graph = self._calls('cudaStreamEndCapture', self._stream)
        try:
            if not is_enqueued:
                raise EngineError('the work was refused while a CUDA graph was recorded')
            executable = self._calls('cudaGraphInstantiateWithFlags', graph, 0)
        finally:
            self._calls('cudaGraphDestroy', graph)
        return _CudartGraph(self._calls, executable, self._stream)

    def close(self) -> None:
        """Destroy the stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._calls('cudaStreamDestroy', stream)

    def _is_to_map(self) -> bool:
        names = self._calls.runtime.cudaDeviceAttr
        is_integrated, can_map, major, minor = (
            int(self._calls('cudaDeviceGetAttribute', attribute, self._index))
            for attribute in (
                names.cudaDevAttrIntegrated,
                names.cudaDevAttrCanMapHostMemory,
                names.cudaDevAttrComputeCapabilityMajor,
                names.cudaDevAttrComputeCapabilityMinor,
            )
        )
        return uses_mapped_memory(
            is_integrated=bool(is_integrated),
            can_map_host_memory=bool(can_map),
            capability=(major, minor),
        )

    def _allocate_mapped(self, nbytes: int) -> MirroredMemory:
        flags = self._calls.runtime.cudaHostAllocMapped
        pinned = int(self._calls('cudaHostAlloc', nbytes, flags))
        try:
            # The same as the host's on most, which CUDA does not promise.
            address = int(self._calls('cudaHostGetDevicePointer', pinned, 0))
        except EngineError:
            self._calls('cudaFreeHost', pinned)
            raise
        return MirroredMemory(_zeros_at(pinned, nbytes), address, (pinned, 0), is_mapped=True)


class _CudartGraph:
    """A recorded graph and the stream that it runs on."""

    def __init__(self, calls: _Calls, executable: Any, stream: Any) -> None:
        self._calls, self._executable, self._stream = calls, executable, stream

    def replay(self) -> None:
        """Enqueue the graph."""
        self._calls('cudaGraphLaunch', self._executable, self._stream)

    def close(self) -> None:
        """Free the graph."""
        executable, self._executable = self._executable, None
        if executable is not None:
            self._calls('cudaGraphExecDestroy', executable)


class _Calls:
    """Calls functions of the runtime by name, and raises EngineError for what they report."""

    def __init__(self, runtime: ModuleType | LibCudart) -> None:
        self.runtime = runtime

    def __call__(self, function: str, *arguments: Any) -> Any:
        """Return the function's result beside its status; None where it has none."""
        try:
            status, *results = getattr(self.runtime, function)(*arguments)
        # Old versions of cuda-python raise this where the driver is missing.
        except RuntimeError as error:
            raise EngineError(f'{function} failed: {error}') from error
        if status != self.runtime.cudaError_t.cudaSuccess:
            # An error of a kernel that ran earlier also shows here.
            _, text = self.runtime.cudaGetErrorString(status)
            said = text.decode() if isinstance(text, bytes) else text
            raise EngineError(f'{function} failed: {said} ({status.name})')
        return results[0] if results else None


def load_cudart() -> ModuleType:
    """Return cuda-python's module of the CUDA runtime; raises EngineUnavailable without it."""
    failures = []
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            failures.append(f'{name}: {error}')
    raise EngineUnavailable(
        f'cuda-python does not load ({"; ".join(failures)}); install it in the version of the '
        'CUDA here: pip install "cuda-python==12.6.*" (JetPack 6.1 and 6.2; 12.2.* on JetPack '
        '6.0; 13.0.* on 7, in a venv with --system-site-packages), or PyTorch with CUDA'
    )


def _zeros_at(address: int, nbytes: int) -> npt.NDArray[np.uint8]:
    host = np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))
    host[:] = 0
    return host


def _addresses(memory: MirroredMemory) -> tuple[int, int]:
    assert isinstance(memory.owner, tuple), 'used after free()'
    pinned, on_device = memory.owner
    return pinned, on_device


def _version(runtime: ModuleType) -> str:
    package = sys.modules.get(runtime.__name__.rpartition('.')[0])
    return str(getattr(package, '__version__', ''))
