# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated GPU as a shared library has it: functions of C, as cuda_runtime_api.h says."""

from __future__ import annotations

import ctypes
from ctypes import c_int, c_size_t, c_uint, c_ulonglong, c_void_p, POINTER
from typing import Any

from simulated_cudart import NAMES, SimulatedCudart

P = c_void_p
HEADER: dict[str, tuple[Any, ...]] = {
    'cudaGetDeviceCount': (POINTER(c_int),),
    'cudaDeviceGetAttribute': (POINTER(c_int), c_int, c_int),
    'cudaSetDevice': (c_int,),
    'cudaMalloc': (POINTER(P), c_size_t),
    'cudaFree': (P,),
    'cudaHostAlloc': (POINTER(P), c_size_t, c_uint),
    'cudaHostGetDevicePointer': (POINTER(P), P, c_uint),
    'cudaFreeHost': (P,),
    'cudaMemcpyAsync': (P, P, c_size_t, c_int, P),
    'cudaStreamCreateWithFlags': (POINTER(P), c_uint),
    'cudaStreamSynchronize': (P,),
    'cudaStreamDestroy': (P,),
    'cudaStreamBeginCapture': (P, c_int),
    'cudaStreamEndCapture': (P, POINTER(P)),
    'cudaGraphInstantiateWithFlags': (POINTER(P), P, c_ulonglong),
    'cudaGraphDestroy': (P,),
    'cudaGraphLaunch': (P, P),
    'cudaGraphExecDestroy': (P,),
    'cudaRuntimeGetVersion': (POINTER(c_int),),
}
_MODES = {0: 'cudaStreamCaptureModeGlobal', 1: 'cudaStreamCaptureModeThreadLocal'}


class SimulatedLibrary:
    """Function pointers that call a simulated GPU; `functions` are those that were asked for."""

    def __init__(self, simulated: SimulatedCudart) -> None:
        self._simulated = simulated
        self.functions: dict[str, Any] = {}
        self._texts: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self.functions:
            if name == 'cudaGetErrorString':
                made: Any = ctypes.CFUNCTYPE(c_void_p, c_int)(self._text)
            else:
                made = ctypes.CFUNCTYPE(c_int, *HEADER[name])(self._callback(name))
            self.functions[name] = made
        return self.functions[name]

    def _callback(self, name: str) -> Any:
        kinds = HEADER[name]

        def call(*values: Any) -> int:
            pairs = list(zip(kinds, values, strict=True))
            pointers = [v for k, v in pairs if k in (POINTER(P), POINTER(c_int))]
            given = [v or 0 for k, v in pairs if k not in (POINTER(P), POINTER(c_int))]
            if name == 'cudaMemcpyAsync':
                given[3] = NAMES.cudaMemcpyKind(given[3])
            elif name == 'cudaDeviceGetAttribute':
                given[0] = NAMES.cudaDeviceAttr(given[0])
            elif name == 'cudaStreamBeginCapture':
                given[1] = NAMES.cudaStreamCaptureMode[_MODES[given[1]]]
            status, *results = getattr(self._simulated, name)(*given)
            for pointer, result in zip(pointers, results, strict=False):
                if result is not None:
                    pointer[0] = int(result)
            return int(status)

        return call

    def _text(self, status: int) -> int:
        self._texts.append(ctypes.create_string_buffer(f'text of {status}'.encode()))
        return ctypes.addressof(self._texts[-1])
