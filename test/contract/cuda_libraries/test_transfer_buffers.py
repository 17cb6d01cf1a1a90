# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Move tensors of every form to a device and back, with PyTorch and with cuda-python."""

from dataclasses import replace

import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.run.buffers import ALIGNMENT, TensorForm, TransferBuffer
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.engines.tensorrt.run.libcudart import LibCudart
from rtformer_ros.engines.tensorrt.run.torch_cuda import TorchCuda
from rtformer_ros.errors import EngineError, EngineUnavailable
from simulated_cudart import DISCRETE, ORIN, SimulatedCudart, Status
from simulated_libcudart import SimulatedLibrary
import torch

FORMS = [
    TensorForm('bytes', (2, 3, 5), np.dtype(np.uint8)),
    TensorForm('halves', (1, 2, 2), np.dtype(np.float16)),
    TensorForm('floats', (7,), np.dtype(np.float32)),
    TensorForm('whole', (2, 1), np.dtype(np.int64)),
    TensorForm('flags', (300,), np.dtype(np.bool_)),
    TensorForm('none', (0, 4), np.dtype(np.float32)),
    TensorForm('one', (), np.dtype(np.int32)),
]


@pytest.fixture(
    params=[
        *('torch', 'cuda-python', 'library'),
        *('torch, integrated', 'cuda-python, integrated', 'library, integrated'),
        *('torch on a GPU', 'cuda-python on a GPU'),
    ]
)
def cuda(request):
    """Return an open device of each library; nothing may be left on the simulated one."""
    library, _, kind = request.param.partition(', ')
    simulated = SimulatedCudart(properties=ORIN if kind else DISCRETE)
    if library == 'torch':
        request.getfixturevalue('torch_on_host')
        made = TorchCuda(torch.device('cpu'), maps_memory=bool(kind))
    elif library == 'cuda-python':
        made = Cudart(simulated, 0)
    elif library == 'library':
        made = Cudart(LibCudart(SimulatedLibrary(simulated)), 0)
    else:
        made = _real(TorchCuda if request.param.startswith('torch') else Cudart)
    made.make_current()
    yield made
    made.close()
    made.close()
    assert simulated.leaks == []


def _real(library):
    try:
        if library is TorchCuda and not torch.cuda.is_available():
            raise EngineUnavailable('PyTorch has no CUDA')
        return library.open(0)
    except EngineUnavailable as error:
        pytest.skip(f'no GPU: copies to a real one were not tested ({error})')


def fill(array, seed=0):
    noise = np.random.default_rng(seed).integers(0, 100, array.shape)
    array[...] = noise.astype(array.dtype)
    return array.copy()


def test_tensors_come_back_as_they_went(cuda):
    buffer = TransferBuffer(cuda, FORMS)
    sent = {form.name: fill(buffer.arrays[form.name]) for form in FORMS}
    buffer.upload()
    cuda.synchronize()
    for array in buffer.arrays.values():
        array[...] *= cuda.maps_memory
    buffer.download()
    cuda.synchronize()
    for form in FORMS:
        array = buffer.arrays[form.name]
        assert (array.shape, array.dtype) == (form.shape, form.dtype)
        assert np.array_equal(array, sent[form.name])
        assert array.flags.c_contiguous
    buffer.close()
    buffer.close()
    assert buffer.arrays == buffer.addresses == {}


def test_tensors_lie_apart_at_addresses_that_tensorrt_takes(cuda):
    buffer = TransferBuffer(cuda, FORMS)
    starts = [buffer.addresses[form.name] for form in FORMS]
    for form, start, following in zip(FORMS, starts, starts[1:], strict=False):
        assert (following - start) % ALIGNMENT == 0
        assert start + form.nbytes <= following
    hosts = [buffer.arrays[form.name].__array_interface__['data'][0] for form in FORMS]
    assert [h - hosts[0] for h in hosts[:5]] == [s - starts[0] for s in starts[:5]]
    buffer.close()


def test_buffers_do_not_overlap(cuda):
    buffers = [TransferBuffer(cuda, FORMS[:1]) for _ in range(3)]
    sent = [fill(buffer.arrays['bytes'], seed) for seed, buffer in enumerate(buffers)]
    for each in buffers:
        each.upload()
    cuda.synchronize()
    for each in buffers:
        each.arrays['bytes'][...] *= cuda.maps_memory
        each.download()
    cuda.synchronize()
    for each, content in zip(buffers, sent, strict=True):
        assert np.array_equal(each.arrays['bytes'], content)
        each.close()


LIBRARIES = {
    'cuda-python': lambda simulated: Cudart(simulated, 0),
    'library': lambda simulated: Cudart(LibCudart(SimulatedLibrary(simulated)), 0),
}


@pytest.mark.parametrize('library', LIBRARIES)
def test_an_integrated_gpu_works_on_the_hosts_memory(library):
    simulated = SimulatedCudart(properties=ORIN)
    cuda = LIBRARIES[library](simulated)
    assert cuda.maps_memory
    buffer = TransferBuffer(cuda, FORMS[:1])
    sent = fill(buffer.arrays['bytes'])
    buffer.upload()
    seen = simulated.bytes_at(buffer.addresses['bytes'], sent.nbytes)
    assert bytes(seen) == sent.tobytes()
    seen[:] = sent.tobytes()[::-1]
    buffer.download()
    assert np.array_equal(buffer.arrays['bytes'].ravel(), sent.ravel()[::-1])
    for name in ('cudaMemcpyAsync', 'cudaMalloc'):
        assert simulated.count(name) == 0
    buffer.close()
    cuda.close()
    assert simulated.leaks == []


@pytest.mark.parametrize('library', LIBRARIES)
def test_a_table_lies_on_the_device_also_where_all_else_is_mapped(library):
    simulated = SimulatedCudart(properties=ORIN)
    cuda = LIBRARIES[library](simulated)
    buffer = TransferBuffer(cuda, FORMS[:1], is_table=True)
    sent = fill(buffer.arrays['bytes'])
    assert buffer.addresses['bytes'] in simulated.device
    buffer.upload()
    cuda.synchronize()
    seen = simulated.bytes_at(buffer.addresses['bytes'], sent.nbytes)
    assert bytes(seen) == sent.tobytes()
    buffer.close()
    cuda.close()
    assert simulated.leaks == []


@pytest.mark.parametrize(
    ('properties', 'reason'),
    [
        (DISCRETE, ''),
        (replace(DISCRETE, can_map_host_memory=False), ''),
        (replace(ORIN, can_map_host_memory=False), 'it cannot map host memory'),
        (replace(ORIN, capability=(6, 2)), 'capability is 6.2, and below 7.2 the CPU does not'),
    ],
)
def test_others_get_copies_and_an_integrated_one_says_why(properties, reason, caplog):
    simulated = SimulatedCudart(properties=properties)
    cuda = Cudart(simulated, 0)
    assert not cuda.maps_memory
    buffer = TransferBuffer(cuda, FORMS[:1])
    buffer.upload()
    cuda.synchronize()
    assert simulated.count('cudaMemcpyAsync') == 1
    said = [record.message for record in caplog.records]
    assert [reason in each and 'gets copies of frames and results' in each for each in said] == (
        [True] if reason else []
    )
    buffer.close()
    cuda.close()


@pytest.mark.parametrize('function', ['cudaHostAlloc', 'cudaHostGetDevicePointer'])
def test_mapped_memory_that_is_refused_leaves_nothing_behind(function):
    simulated = SimulatedCudart(properties=ORIN)
    cuda = Cudart(simulated, 0)
    simulated.failing[function] = Status.cudaErrorMemoryAllocation
    with pytest.raises(EngineError, match=f'{function} failed'):
        TransferBuffer(cuda, FORMS[:1])
    cuda.close()
    assert simulated.leaks == []
