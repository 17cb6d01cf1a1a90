# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Memory, streams and graphs of PyTorch, held to its real signatures."""

from types import SimpleNamespace

import pytest
from rtformer_ros.engines.tensorrt.run.torch_cuda import TorchCuda
from rtformer_ros.errors import EngineError
from simulated_torch_cuda import StreamOnHost
import torch


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
