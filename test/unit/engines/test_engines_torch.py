# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check what is particular to PyTorch: precision, threads, failures in the middle of a run."""

from types import SimpleNamespace

import numpy as np
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.base import EngineDescription
from rtformer_ros.engines.torch import TorchEngine
from rtformer_ros.errors import ConfigError, EngineError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import build_rtformer, Checkpoint, save_checkpoint
import torch

SIZE = (33, 40)
IMAGES = np.random.default_rng(5).integers(0, 256, (1, *SIZE, 3), np.uint8)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    torch.manual_seed(2)
    network = build_rtformer('slim', 3, base_channels=8, head_channels=8, aux_head=True)
    path = tmp_path_factory.mktemp('weights') / 'tiny.safetensors'
    save_checkpoint(Checkpoint.of(network), path)
    return path


def test_half_precision_needs_cuda(weights):
    with pytest.raises(ConfigError, match='precision is fp16, but the device is the CPU'):
        open_engine(EngineRequest(weights, device='cpu', precision='fp16'))


def test_precision_and_version_are_described(weights):
    engine = open_engine(
        EngineRequest(weights, device='cpu', precision='fp32', threads=2, network_size=SIZE)
    )
    detail = engine.description.detail
    assert detail == f'PyTorch {torch.__version__}, FP32, 2 CPU thread(s)'


def test_each_engine_runs_with_its_own_threads(weights):
    before = torch.get_num_threads()
    one, two = (
        open_engine(EngineRequest(weights, device='cpu', threads=count, network_size=SIZE))
        for count in (1, 2)
    )
    try:
        for engine, count in ((one, 1), (two, 2), (one, 1)):
            engine.infer(IMAGES)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


def test_size_and_labels_have_defaults(weights):
    description = open_engine(EngineRequest(weights, device='cpu')).description
    assert (description.height, description.width) == (360, 480)
    assert description.labels.names == ('class_0', 'class_1', 'class_2')


def test_a_failure_of_the_library_is_translated_and_survived(weights):
    """A network stands in that fails for pictures that are not black, as a full memory would."""

    class Fragile(torch.nn.Module):
        def forward(self, images):
            if images.max() > 0:
                raise torch.OutOfMemoryError('CUDA out of memory')
            return torch.zeros(1, 3, *SIZE)

    description = EngineDescription('torch', 'cpu', weights, *SIZE, LabelSet.generic(3))
    engine = TorchEngine(description, SimpleNamespace(build=Fragile), 1, is_half=False)
    with pytest.raises(EngineError, match=r'failed on tiny\.safetensors \(cpu\): CUDA out of mem'):
        engine.infer(np.full_like(IMAGES, 255))
    assert (engine.infer(np.zeros_like(IMAGES)).class_map_nhw == 0).all()
