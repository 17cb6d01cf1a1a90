# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Move tensors of every form to a device and back, with PyTorch and with cuda-python."""

from contextlib import contextmanager
from dataclasses import replace
import inspect
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.run import open_cuda as open_cuda_module
from rtformer_ros.engines.tensorrt.run.buffers import ALIGNMENT, TensorForm, TransferBuffer
from rtformer_ros.engines.tensorrt.run.cudart import Cudart, load_cudart
from rtformer_ros.engines.tensorrt.run.libcudart import LibCudart
from rtformer_ros.engines.tensorrt.run.open_cuda import check_cuda_library, open_cuda
from rtformer_ros.engines.tensorrt.run.torch_cuda import TorchCuda
from rtformer_ros.errors import EngineError, EngineUnavailable
from simulated_cudart import DISCRETE, ORIN, SimulatedCudart, Status
from simulated_libcudart import HEADER, SimulatedLibrary
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


class StreamOnHost:
    """Takes the place of torch.cuda.Stream where there is no CUDA; work is done at once."""

    cuda_stream = 0x77

    def __init__(self, device=None, priority=0, **kwargs):
        self.device = device

    def synchronize(self):
        """Nothing is under way."""


class TorchOnHost:
    """PyTorch's functions for CUDA, held to their real signatures, on the CPU."""

    def __init__(self, monkeypatch):
        self.calls = []
        self.failing = None
        for name in ('set_device', 'synchronize', 'stream', 'graph'):
            real = getattr(torch.cuda, name)
            signature = inspect.signature(real)
            monkeypatch.setattr(torch.cuda, name, self._fake(name, signature))
        monkeypatch.setattr(torch.cuda, 'Stream', StreamOnHost)
        monkeypatch.setattr(torch.cuda, 'CUDAGraph', lambda: self)

    def _fake(self, name, signature):
        def fake(*values, **named):
            self.calls.append((name, signature.bind(*values, **named).arguments))
            return self._block(name)

        return fake

    @contextmanager
    def _block(self, name):
        yield
        if self.failing == name:
            raise torch.OutOfMemoryError(f'{name} fails')

    def replay(self):
        self.calls.append(('replay', {}))


@pytest.fixture
def torch_on_host(monkeypatch):
    return TorchOnHost(monkeypatch)


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


@pytest.mark.parametrize(
    ('integrated', 'capability', 'is_mapped'),
    [(1, (8, 7), True), (1, (7, 2), True), (0, (8, 9), False), (1, (6, 2), False)],
)
@pytest.mark.usefixtures('torch_on_host')
def test_torch_says_what_a_device_is(monkeypatch, integrated, capability, is_mapped):
    found = SimpleNamespace(is_integrated=integrated, major=capability[0], minor=capability[1])
    monkeypatch.setattr(torch.version, 'cuda', '12.6')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda device: found)
    assert TorchCuda.open(0).maps_memory == is_mapped


def test_torch_copies_no_mapped_memory(torch_on_host):
    cuda = TorchCuda(torch.device('cpu'), maps_memory=True)
    memory = cuda.allocate(100)
    assert memory.address == memory.host.ctypes.data
    cuda.upload(memory)
    cuda.download(memory)
    # A copy would be made on the stream.
    assert [name for name, _ in torch_on_host.calls] == []
    table = cuda.allocate(100, is_table=True)
    assert table.address != table.host.ctypes.data
    cuda.upload(table)
    assert [name for name, _ in torch_on_host.calls] == ['synchronize', 'stream']


def test_torch_is_asked_for_its_own_stream_and_a_graph_of_this_thread(torch_on_host):
    cuda = TorchCuda(torch.device('cpu'))
    assert cuda.stream == StreamOnHost.cuda_stream
    graph = cuda.capture(lambda: True)
    [made] = [arguments for name, arguments in torch_on_host.calls if name == 'graph']
    assert isinstance(made['stream'], StreamOnHost)
    assert made['capture_error_mode'] == 'thread_local'
    graph.replay()
    *_, (before, where), (last, _) = torch_on_host.calls
    assert (before, last) == ('stream', 'replay')
    assert isinstance(where['stream'], StreamOnHost)


def test_a_graph_that_torch_cannot_record_is_an_error(torch_on_host):
    cuda = TorchCuda(torch.device('cpu'))
    with pytest.raises(EngineError, match='refused while a CUDA graph was recorded'):
        cuda.capture(lambda: False)
    torch_on_host.failing = 'graph'
    with pytest.raises(EngineError, match='PyTorch cannot record a CUDA graph: graph fails'):
        cuda.capture(lambda: True)


def test_memory_that_is_short_is_an_error():
    with pytest.raises(EngineError, match='PyTorch cannot allocate 1152921504606846976 bytes'):
        TorchCuda.allocate(_unopened(TorchCuda), 2**60)


def _unopened(cls):
    made = cls.__new__(cls)
    made._device, made.maps_memory = torch.device('cpu'), False
    return made


@pytest.mark.parametrize('properties', [DISCRETE, ORIN])
def test_the_library_is_called_as_its_header_says(properties):
    simulated = SimulatedCudart(properties=properties)
    library = SimulatedLibrary(simulated)
    cuda = Cudart.open(0, LibCudart(library))
    assert cuda.library == 'CUDA runtime 12.6'
    memory, scratch = cuda.allocate(100), cuda.reserve(1 << 20)
    assert simulated.device[scratch.address].nbytes == 1 << 20
    sent = fill(memory.host)
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


def test_the_library_comes_before_any_package(monkeypatch, torch_on_host):
    simulated = SimulatedCudart()
    library = LibCudart(SimulatedLibrary(simulated))
    monkeypatch.setattr(open_cuda_module, 'load_libcudart', lambda: library)
    opened = open_cuda(0)
    assert opened.library == 'CUDA runtime 12.6'
    assert torch_on_host.calls == []
    opened.close()


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
