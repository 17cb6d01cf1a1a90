# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The CUDA runtime's shared library, called without a package."""

import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.engines.tensorrt.run.libcudart import LibCudart
from rtformer_ros.errors import EngineError
from simulated_cudart import DISCRETE, ORIN, SimulatedCudart, Status
from simulated_libcudart import HEADER, SimulatedLibrary


@pytest.mark.parametrize('properties', [DISCRETE, ORIN])
def test_the_library_is_called_as_its_header_says(properties):
    simulated = SimulatedCudart(properties=properties)
    library = SimulatedLibrary(simulated)
    cuda = Cudart.open(0, LibCudart(library))
    assert cuda.library == 'CUDA runtime 12.6'
    memory, scratch = cuda.allocate(100), cuda.reserve(1 << 20)
    assert simulated.device[scratch.address].nbytes == 1 << 20
    sent = np.arange(100, dtype=np.uint8)
    memory.host[:] = sent
    cuda.upload(memory)
    cuda.synchronize()
    memory.host[:] *= cuda.maps_memory
    graph = cuda.capture(lambda: cuda.download(memory) is None)
    assert memory.host.any() == cuda.maps_memory
    graph.replay()
    cuda.synchronize()
    assert np.array_equal(memory.host, sent)
    graph.close()
    cuda.free(memory)
    cuda.free(scratch)
    cuda.close()
    assert simulated.leaks == []
    types = {name: tuple(each.argtypes) for name, each in library.functions.items()}
    del types['cudaGetErrorString']
    absent = {'cudaMemcpyAsync' if cuda.maps_memory else 'cudaHostGetDevicePointer'}
    assert types == {name: HEADER[name] for name in HEADER.keys() - absent}


@pytest.mark.parametrize(
    ('status', 'name'),
    [
        (Status.cudaErrorMemoryAllocation, 'cudaErrorMemoryAllocation'),
        (Status.cudaErrorIllegalAddress, 'CUDA error 700'),
    ],
)
def test_errors_of_the_library_are_told(status, name):
    simulated = SimulatedCudart()
    cuda = Cudart(LibCudart(SimulatedLibrary(simulated)), 0)
    simulated.failing['cudaMalloc'] = status
    with pytest.raises(
        EngineError, match=rf'cudaMalloc failed: text of {status.value} \({name}\)'
    ):
        cuda.allocate(100)
