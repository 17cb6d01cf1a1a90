# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which library a GPU is opened with, and what is said where none can."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from rtformer_ros.engines.tensorrt.run import open_cuda as open_cuda_module
from rtformer_ros.engines.tensorrt.run.cudart import Cudart, load_cudart
from rtformer_ros.engines.tensorrt.run.libcudart import LibCudart
from rtformer_ros.engines.tensorrt.run.open_cuda import check_cuda_library, open_cuda
from rtformer_ros.engines.tensorrt.run.torch_cuda import TorchCuda
from rtformer_ros.errors import EngineUnavailable
from simulated_cudart import SimulatedCudart, Status
from simulated_libcudart import SimulatedLibrary
import torch


@pytest.fixture(autouse=True)
def no_library(monkeypatch):
    def fail():
        raise EngineUnavailable('the CUDA runtime does not load')

    monkeypatch.setattr(open_cuda_module, 'load_libcudart', fail)


@pytest.fixture
def no_torch_cuda(monkeypatch):
    monkeypatch.setattr(torch.version, 'cuda', '12.6')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)


@pytest.fixture
def cuda_python(monkeypatch):
    """Install a simulated one, with two devices."""
    made = SimulatedCudart(device_count=2)
    for name in ('cuda', 'cuda.bindings'):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, 'cuda.bindings.runtime', made)
    return made


def test_the_library_comes_before_any_package(monkeypatch, torch_on_host):
    simulated = SimulatedCudart()
    library = LibCudart(SimulatedLibrary(simulated))
    monkeypatch.setattr(open_cuda_module, 'load_libcudart', lambda: library)
    opened = open_cuda(0)
    assert opened.library == 'CUDA runtime 12.6'
    assert torch_on_host.calls == []
    opened.close()


@pytest.mark.parametrize('torch_is', ['without CUDA', 'without a device', 'broken', 'missing'])
@pytest.mark.usefixtures('no_torch_cuda')
def test_cuda_python_serves_where_torch_does_not(monkeypatch, cuda_python, torch_is):
    if torch_is == 'without CUDA':
        monkeypatch.setattr(torch.version, 'cuda', None)
    elif torch_is != 'without a device':
        monkeypatch.delitem(sys.modules, TorchCuda.__module__)
        if torch_is == 'missing':
            monkeypatch.setitem(sys.modules, 'torch', None)
        else:
            monkeypatch.setattr(sys, 'meta_path', [BrokenTorch(), *sys.meta_path])
    opened = open_cuda(1)
    assert isinstance(opened, Cudart)
    assert ('cudaSetDevice', (1,)) in cuda_python.calls
    opened.close()
    assert cuda_python.leaks == []
    with pytest.raises(EngineUnavailable, match=r'PyTorch .*; .* cuda:2, but CUDA sees 2 device'):
        open_cuda(2)


class BrokenTorch:
    """Finds no shared objects for PyTorch, which is not loaded yet."""

    def find_spec(self, name, path=None, target=None):
        if name == TorchCuda.__module__:
            raise OSError('libcublas.so.12: cannot open shared object file')


@pytest.mark.usefixtures('no_torch_cuda')
def test_without_any_library_both_are_named(monkeypatch):
    for name in ('cuda', 'cuda.bindings', 'cuda.bindings.runtime', 'cuda.cudart'):
        monkeypatch.setitem(sys.modules, name, None)
    both = r'for CUDA 12\.6\) sees 0 CUDA device.*; cuda-python does not load .*pip install'
    with pytest.raises(EngineUnavailable, match=both):
        open_cuda(0)
    with pytest.raises(EngineUnavailable, match='pip install "cuda-python'):
        load_cudart()


@pytest.mark.usefixtures('no_torch_cuda')
def test_before_a_build_the_device_is_opened_and_closed(cuda_python):
    check_cuda_library()
    assert cuda_python.count('cudaStreamCreateWithFlags') == 1
    assert cuda_python.leaks == []


def test_a_device_that_does_not_open_ends_a_build_before_it_begins(
    monkeypatch, torch_on_host, cuda_python
):
    """A PyTorch that is installed, and even finds the GPU, is no proof that it can use it."""

    def fail(device=None):
        raise RuntimeError('no kernel image is available')

    monkeypatch.setattr(torch.version, 'cuda', '12.6')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    found = SimpleNamespace(is_integrated=0, major=8, minor=9)
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda device: found)
    monkeypatch.setattr(torch.cuda, 'Stream', fail)
    check_cuda_library()
    cuda_python.failing['cudaStreamCreateWithFlags'] = Status.cudaErrorMemoryAllocation
    with pytest.raises(
        EngineUnavailable, match=r'no kernel image.*cudaStreamCreateWithFlags fail'
    ):
        check_cuda_library()
