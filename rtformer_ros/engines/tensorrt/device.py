# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The GPU of this machine, read from the driver alone: no CUDA toolkit, no PyTorch, no context."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from rtformer_ros.errors import EngineUnavailable

_LIBRARY = 'libcuda.so.1'
_NO_DEVICE = 100
_NAME_BYTES = 256
# CUdevice_attribute of the driver's API.
_MULTIPROCESSORS, _INTEGRATED, _CAPABILITY_MAJOR, _CAPABILITY_MINOR = 16, 18, 75, 76


@dataclass(frozen=True)
class Gpu:
    """
    What a plan is bound to.

    name: as the driver says ('Orin'); compute_capability: '8.7'; multiprocessors: how many, which
    tells boards apart whose GPUs are called the same (AGX Orin has 16, Orin Nano 8).
    """

    name: str
    compute_capability: str
    multiprocessors: int

    def __str__(self) -> str:
        """Return one line for people."""
        return (
            f'{self.name} (compute capability {self.compute_capability}, '
            f'{self.multiprocessors} multiprocessors)'
        )


def find_gpu(index: int = 0, library: str = _LIBRARY) -> Gpu:
    """
    Return the GPU with that number among those that CUDA_VISIBLE_DEVICES leaves.

    library: name or path of the driver's library. Raises EngineUnavailable where there is no
    driver, no GPU or no such GPU, naming the cause and the fix.
    """
    driver = _Driver(library)
    count = ctypes.c_int()
    driver.call('cuDeviceGetCount', ctypes.byref(count))
    if index >= count.value:
        raise EngineUnavailable(
            f'device is cuda:{index}, but the driver shows {count.value} GPU(s); choose a lower '
            'number and check CUDA_VISIBLE_DEVICES'
        )
    device = ctypes.c_int()
    driver.call('cuDeviceGet', ctypes.byref(device), index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    driver.call('cuDeviceGetName', name, _NAME_BYTES, device)
    major, minor, multiprocessors = (
        driver.attribute(number, device)
        for number in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR, _MULTIPROCESSORS)
    )
    return Gpu(name.value.decode(errors='replace'), f'{major}.{minor}', multiprocessors)


def is_integrated(index: int = 0, library: str = _LIBRARY) -> bool:
    """Return whether that GPU is here and shares its memory with the CPU."""
    device = ctypes.c_int()
    try:
        driver = _Driver(library)
        driver.call('cuDeviceGet', ctypes.byref(device), index)
        return driver.attribute(_INTEGRATED, device) == 1
    except EngineUnavailable:
        return False


class _Driver:
    """The driver's library, initialised; every failing call raises EngineUnavailable."""

    def __init__(self, library: str) -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise EngineUnavailable(
                f'no NVIDIA driver here ({error}): TensorRT needs an NVIDIA GPU. Install the '
                'driver, or start the container with --runtime nvidia or --gpus all'
            ) from error
        self.call('cuInit', 0)

    def call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status == _NO_DEVICE:
            raise EngineUnavailable(
                'the NVIDIA driver finds no GPU; check nvidia-smi, CUDA_VISIBLE_DEVICES and, in a '
                'container, --gpus all'
            )
        if status:
            raise EngineUnavailable(
                f'the NVIDIA driver fails: {name} returns {status} ({self._reason(status)}); '
                'check nvidia-smi, and reboot if the driver was just updated'
            )

    def attribute(self, number: int, device: ctypes.c_int) -> int:
        value = ctypes.c_int()
        self.call('cuDeviceGetAttribute', ctypes.byref(value), number, device)
        return value.value

    def _reason(self, status: int) -> str:
        text = ctypes.c_char_p()
        self._library.cuGetErrorString(status, ctypes.byref(text))
        return (text.value or b'unknown error').decode(errors='replace')
