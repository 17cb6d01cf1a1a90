"""Open a device with the library that offers CUDA here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.errors import EngineUnavailable

if TYPE_CHECKING:
    from rtformer_ros.engines.tensorrt.cuda import Cuda


def open_cuda(index: int) -> Cuda:
    """
    Return device `index`, through PyTorch where that reaches it, else through cuda-python.

    Raises EngineUnavailable where neither does, saying why for both.
    """
    failures: list[str] = []
    for open_with in (_open_with_torch, _open_with_cuda_python):
        try:
            return open_with(index)
        except EngineUnavailable as error:
            failures.append(str(error))
    raise EngineUnavailable('; '.join(failures))


def _open_with_torch(index: int) -> Cuda:
    try:
        from rtformer_ros.engines.tensorrt.torch_cuda import TorchCuda
    except (ImportError, OSError) as error:
        raise EngineUnavailable(f'PyTorch does not load ({error})') from error
    return TorchCuda.open(index)


def _open_with_cuda_python(index: int) -> Cuda:
    from rtformer_ros.engines.tensorrt.cudart import Cudart

    return Cudart.open(index)
