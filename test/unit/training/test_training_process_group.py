# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the choice of a device and batch norm over processes where there is one process."""

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.network import build_rtformer
from rtformer_ros.network.blocks import BatchNorm
from rtformer_ros.training.process_group import (
    joined_process_group,
    ProcessGroup,
    synchronize_batch_norms,
    SynchronizedBatchNorm,
)
import torch


def test_one_process_is_a_group_of_its_own():
    with joined_process_group('cpu') as group:
        assert (group.rank, group.world_size, group.is_first) == (0, 1, True)
        values = torch.tensor([1.0, 2.0])
        assert torch.equal(group.total(values), values)


@pytest.mark.parametrize('text', ['cuda:99', 'cuda:999', 'toaster', 'cpu:x', 'meta'])
def test_devices_that_are_not_there_are_refused(text):
    with pytest.raises(ConfigError, match=f"device is '{text}'"), joined_process_group(text):
        pass


@pytest.mark.parametrize('is_training', [True, False])
def test_synchronized_norm_of_one_process_is_the_plain_one(is_training):
    torch.manual_seed(0)
    plain = BatchNorm(6, eps=1e-3, momentum=0.3)
    with torch.no_grad():
        plain.weight.uniform_(0.5, 2)
        plain.bias.uniform_(-1, 1)
    twin = torch.nn.Sequential(plain)
    synchronize_batch_norms(twin, ProcessGroup())
    assert type(twin[0]) is SynchronizedBatchNorm
    inputs = [(3 * torch.randn(4, 6, 5, 7) + 2).requires_grad_() for _ in range(2)]
    inputs[1].data.copy_(inputs[0].data)
    norms = [plain.train(is_training), twin[0].train(is_training)]
    outputs = [norm(x) for norm, x in zip(norms, inputs, strict=True)]
    for output in outputs:
        output.square().mul(torch.arange(6.0)[:, None, None]).sum().backward()
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(norms[1].weight.grad, norms[0].weight.grad, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(norms[1].running_mean, norms[0].running_mean)
    torch.testing.assert_close(norms[1].running_var, norms[0].running_var)


def test_every_norm_of_the_network_is_replaced_and_its_weights_keep_their_names():
    network = build_rtformer('slim', 4, base_channels=8, head_channels=8)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    synchronize_batch_norms(network, ProcessGroup())
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == sum(key.endswith('running_mean') for key in before)
    assert all(isinstance(norm, SynchronizedBatchNorm) for norm in norms)
    assert {norm.eps for norm in norms} == {1e-5, 1e-6}
