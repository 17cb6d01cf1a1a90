# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The choice of the library through which CUDA is used here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.engines.tensorrt.run.libcudart import load_libcudart
from rtformer_ros.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda


def open_cuda(index: int) -> Cuda:
    """
    Return device `index`, through the CUDA runtime's library, else PyTorch, else cuda-python.

    Raises EngineUnavailable where none does, saying why for each.
    """
    failures: list[str] = []
    for open_with in (_open_with_library, _open_with_torch, _open_with_cuda_python):
        try:
            return open_with(index)
        # A PyTorch that has no kernels for this GPU, say, fails with the other.
        except EngineError as error:
            failures.append(str(error))
    raise EngineUnavailable('; '.join(failures))


def check_cuda_library() -> None:
    """
    Open the first device and close it, for those about to compile for minutes.

    Raises EngineUnavailable where `open_cuda` does not succeed, EngineError where CUDA fails.
    """
    open_cuda(0).close()


def _open_with_library(index: int) -> Cuda:
    return Cudart.open(index, load_libcudart())


def _open_with_torch(index: int) -> Cuda:
    try:
        # Imports torch, which may be missing.
        from rtformer_ros.engines.tensorrt.run.torch_cuda import TorchCuda
    except (ImportError, OSError) as error:
        raise EngineUnavailable(f'PyTorch does not load ({error})') from error
    return TorchCuda.open(index)


def _open_with_cuda_python(index: int) -> Cuda:
    return Cudart.open(index)
