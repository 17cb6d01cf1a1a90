# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check every call that Cudart makes, with the enums and handles of the real module."""

import importlib
import os
import re
import sys
from types import ModuleType

import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.run.cudart import Cudart, load_cudart
from rtformer_ros.engines.tensorrt.run.libcudart import LibCudart
from rtformer_ros.errors import EngineError, EngineUnavailable
from simulated_cudart import DISCRETE, ORIN, SimulatedCudart


@pytest.fixture
def real():
    return load_cudart()


def parameters_of(function):
    """Return (name, type or '') of what a function of the real module takes."""
    [inside] = re.findall(r'^\w+\((.*)\)', function.__doc__)
    for parameter in filter(None, inside.split(', ')):
        name, _, kind = parameter.partition(': ')
        yield (name, kind) if kind else (name.split()[-1], ' '.join(name.split()[:-1]))


def drive(cuda):
    """Call every method once, and those that differ after a refusal."""
    cuda.make_current()
    memory = cuda.allocate(100)
    cuda.upload(memory)
    cuda.download(memory)
    cuda.synchronize()
    graph = cuda.capture(lambda: True)
    graph.replay()
    cuda.synchronize()
    graph.close()
    with pytest.raises(EngineError, match='refused'):
        cuda.capture(lambda: False)
    cuda.free(memory)
    cuda.close()


def test_calls_fit_the_real_signatures(real):
    calls = []
    for properties in (DISCRETE, ORIN):
        simulated = SimulatedCudart(names=real, properties=properties)
        drive(Cudart(simulated, 0))
        assert simulated.leaks == []
        calls += simulated.calls
    assert len({name for name, _ in calls}) == 17
    handles = {'stream': 'cudaStream_t', 'graph': 'cudaGraph_t', 'graphExec': 'cudaGraphExec_t'}
    for name, arguments in calls:
        parameters = list(parameters_of(getattr(real, name)))
        assert len(parameters) == len(arguments), (name, parameters)
        for (parameter, kind), argument in zip(parameters, arguments, strict=True):
            wanted = kind if kind.startswith('cuda') else handles.get(parameter, '')
            expected = getattr(real, wanted) if wanted else int
            assert isinstance(argument, expected), (name, parameter, kind, argument)


def test_the_library_is_called_with_the_real_numbers(real):
    for ours, theirs in (
        (LibCudart.cudaDeviceAttr, real.cudaDeviceAttr),
        (LibCudart.cudaMemcpyKind, real.cudaMemcpyKind),
        (LibCudart.cudaStreamCaptureMode, real.cudaStreamCaptureMode),
        (LibCudart.cudaError_t, real.cudaError_t),
    ):
        for each in ours:
            assert int(getattr(theirs, each.name)) == each, each
    for name in ('cudaHostAllocDefault', 'cudaHostAllocMapped', 'cudaStreamNonBlocking'):
        assert getattr(LibCudart, name) == getattr(real, name)


def test_the_real_calls_answer_in_the_form_that_is_expected(real):
    """With or without a GPU: a status first, then the result."""
    for function, arguments in [('cudaGetDeviceCount', ()), ('cudaSetDevice', (0,))]:
        status, *_ = getattr(real, function)(*arguments)
        assert isinstance(status, real.cudaError_t)
    status, text = real.cudaGetErrorString(real.cudaError_t.cudaErrorMemoryAllocation)
    assert status == real.cudaError_t.cudaSuccess
    assert text == b'out of memory'


def test_without_a_gpu_it_is_unavailable(real):
    status, count = real.cudaGetDeviceCount()
    if status == real.cudaError_t.cudaSuccess and count:
        cuda = Cudart.open(0)
        memory = cuda.allocate(1000)
        memory.host[:] = np.arange(1000) % 251
        cuda.upload(memory)
        cuda.synchronize()
        memory.host[:] = 0
        cuda.download(memory)
        cuda.synchronize()
        assert np.array_equal(memory.host, np.arange(1000) % 251)
        cuda.free(memory)
        cuda.close()
    else:
        with pytest.raises(EngineUnavailable, match=r'cudaGetDeviceCount failed: .*nvidia-smi'):
            Cudart.open(0)


def test_the_name_of_old_versions_serves_too(real, monkeypatch):
    old = ModuleType('cuda.cudart')
    if os.environ['CUDA_PYTHON'].startswith('12.'):
        old = importlib.import_module('cuda.cudart')
        assert old.cudaMalloc.__doc__ == real.cudaMalloc.__doc__
    monkeypatch.setitem(sys.modules, 'cuda.cudart', old)
    monkeypatch.setitem(sys.modules, 'cuda.bindings.runtime', None)
    assert load_cudart() is old
    monkeypatch.setitem(sys.modules, 'cuda.cudart', None)
    with pytest.raises(EngineUnavailable, match='cuda-python does not load'):
        load_cudart()
