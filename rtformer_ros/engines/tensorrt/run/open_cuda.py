"""The choice of the library through which CUDA is used here."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from rtformer_ros.engines.tensorrt.run.cudart import Cudart, load_cudart
from rtformer_ros.errors import EngineUnavailable

if TYPE_CHECKING:
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda


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


def check_cuda_library() -> None:
    """
    Raise EngineUnavailable where `open_cuda` cannot succeed, whatever the GPU.

    For those about to compile for minutes: PyTorch is only looked at, not loaded.
    """
    if _cuda_of_torch():
        return
    try:
        load_cudart()
    except EngineUnavailable as error:
        raise EngineUnavailable(f'there is no PyTorch with CUDA, and {error}') from error


def _cuda_of_torch() -> str:
    """Return the version of CUDA that PyTorch was built for, '' without PyTorch or CUDA."""
    torch = importlib.util.find_spec('torch')
    for folder in (torch and torch.submodule_search_locations) or ():
        spec = importlib.util.spec_from_file_location('version', f'{folder}/version.py')
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (ImportError, OSError):
            # A form that is not known: let the real import decide.
            return 'unknown'
        return getattr(module, 'cuda', None) or ''
    return ''


def _open_with_torch(index: int) -> Cuda:
    try:
        # Imports torch, which may be missing.
        from rtformer_ros.engines.tensorrt.run.torch_cuda import TorchCuda
    except (ImportError, OSError) as error:
        raise EngineUnavailable(f'PyTorch does not load ({error})') from error
    return TorchCuda.open(index)


def _open_with_cuda_python(index: int) -> Cuda:
    return Cudart.open(index)
