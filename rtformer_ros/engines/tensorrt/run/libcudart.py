# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The CUDA runtime's own shared library, called as cuda-python calls it, without any package."""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_uint, c_ulonglong, c_void_p
import enum
from typing import Any

from rtformer_ros.errors import EngineUnavailable

# By the majors of CUDA that TensorRT 8.5 to 11 were built for, then by what a search path has.
_NAMES = (
    'libcudart.so.13', 'libcudart.so.12', 'libcudart.so.11.0', 'libcudart.so',
    '/usr/local/cuda/lib64/libcudart.so',
)  # fmt: skip


class _Status(enum.IntEnum):
    """The errors of cudaError_t that have a meaning of their own here."""

    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2


class _CopyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class _DeviceAttribute(enum.IntEnum):
    cudaDevAttrIntegrated = 18
    cudaDevAttrCanMapHostMemory = 19
    cudaDevAttrComputeCapabilityMajor = 75
    cudaDevAttrComputeCapabilityMinor = 76


class _CaptureMode(enum.IntEnum):
    cudaStreamCaptureModeThreadLocal = 1


# As cuda_runtime_api.h of CUDA 11.4 to 13 has them: the type of the result, which is returned
# through a pointer (None: no result), and those of the arguments.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    'cudaGetDeviceCount': (c_int, ()),
    'cudaDeviceGetAttribute': (c_int, (c_int, c_int)),
    'cudaSetDevice': (None, (c_int,)),
    'cudaMalloc': (c_void_p, (c_size_t,)),
    'cudaFree': (None, (c_void_p,)),
    'cudaHostAlloc': (c_void_p, (c_size_t, c_uint)),
    'cudaHostGetDevicePointer': (c_void_p, (c_void_p, c_uint)),
    'cudaFreeHost': (None, (c_void_p,)),
    'cudaMemcpyAsync': (None, (c_void_p, c_void_p, c_size_t, c_int, c_void_p)),
    'cudaStreamCreateWithFlags': (c_void_p, (c_uint,)),
    'cudaStreamSynchronize': (None, (c_void_p,)),
    'cudaStreamDestroy': (None, (c_void_p,)),
    'cudaStreamBeginCapture': (None, (c_void_p, c_int)),
    'cudaStreamEndCapture': (c_void_p, (c_void_p,)),
    'cudaGraphInstantiateWithFlags': (c_void_p, (c_void_p, c_ulonglong)),
    'cudaGraphDestroy': (None, (c_void_p,)),
    'cudaGraphLaunch': (None, (c_void_p, c_void_p)),
    'cudaGraphExecDestroy': (None, (c_void_p,)),
    'cudaRuntimeGetVersion': (c_int, ()),
}
# The result comes first everywhere else.
_RESULT_LAST = ('cudaStreamEndCapture',)


class LibCudart:
    """
    Functions and constants of the runtime under the names and in the form of cuda-python's module.

    Each function returns its status and, where it has one, its result.
    """

    __name__ = 'libcudart'
    cudaError_t = _Status
    cudaMemcpyKind = _CopyKind
    cudaDeviceAttr = _DeviceAttribute
    cudaStreamCaptureMode = _CaptureMode
    cudaStreamNonBlocking = 1
    cudaHostAllocDefault = 0
    cudaHostAllocMapped = 2

    def __init__(self, library: Any) -> None:
        """Take a loaded library."""
        self._library = library
        library.cudaGetErrorString.restype = ctypes.c_char_p
        library.cudaGetErrorString.argtypes = [c_int]

    def __getattr__(self, name: str) -> Any:
        """Return a function of the runtime by its name."""
        if name not in _FUNCTIONS:
            raise AttributeError(name)
        result, arguments = _FUNCTIONS[name]
        function = getattr(self._library, name)
        function.restype = c_int
        pointer = [] if result is None else [ctypes.POINTER(result)]
        is_last = name in _RESULT_LAST
        function.argtypes = [*arguments, *pointer] if is_last else [*pointer, *arguments]

        def call(*values: Any) -> tuple[Any, ...]:
            if result is None:
                return (_status(function(*values)),)
            made = result()
            out = [ctypes.byref(made)]
            status = function(*values, *out) if is_last else function(*out, *values)
            return _status(status), made.value

        return call

    def cudaGetErrorString(self, status: int) -> tuple[Any, bytes]:
        """Return what a status means."""
        return _Status.cudaSuccess, self._library.cudaGetErrorString(int(status)) or b'unknown'

    @property
    def version(self) -> str:
        """Return the version of CUDA: '12.6'; '' where it does not say."""
        status, number = self.cudaRuntimeGetVersion()
        return '' if status else f'{number // 1000}.{number % 1000 // 10}'


class _OtherStatus(int):
    """A status that this module has no name for."""

    @property
    def name(self) -> str:
        return f'CUDA error {int(self)}'


def _status(value: int) -> _Status | _OtherStatus:
    return _Status(value) if value in set(_Status) else _OtherStatus(value)


def load_libcudart() -> LibCudart:
    """Return the runtime that lies on this machine; raises EngineUnavailable without one."""
    failures = []
    for name in _NAMES:
        try:
            return LibCudart(ctypes.CDLL(name))
        except (OSError, AttributeError) as error:
            failures.append(str(error))
    raise EngineUnavailable(
        f'the CUDA runtime does not load ({failures[0]}); on a Jetson type: '
        'sudo apt-get install nvidia-jetpack'
    )
