# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fresh weights to time networks with: no number on the way is too small, and no luck decides."""

import numpy as np
import pytest
from rtformer_ros.network import build_network, ImageSegmenter
from rtformer_ros.tools.settled_network import settled_network
import torch
from torch.utils._python_dispatch import TorchDispatchMode

IMAGE_NHWC = np.random.default_rng(0).integers(0, 256, (1, 97, 128, 3), np.uint8)


class SubnormalCount(TorchDispatchMode):
    """Count the numbers below the smallest normal float in all that PyTorch computes."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple) else (result,):
            if isinstance(each, torch.Tensor) and each.is_floating_point():
                size = each.abs()
                tiny = torch.finfo(each.dtype).tiny
                self.count += int(((size > 0) & (size < tiny)).sum())
        return result


def subnormals_of(network):
    with torch.inference_mode(), SubnormalCount() as mode:
        ImageSegmenter(network).eval()(torch.from_numpy(IMAGE_NHWC))
    return mode.count


@pytest.mark.parametrize('attention', ['gfa', 'mhsa'])
def test_no_number_on_the_way_is_too_small(attention):
    torch.manual_seed(0)
    fresh = build_network('rtformer_slim', 11, aux_head=False, attention=attention)
    assert subnormals_of(fresh) > 100
    assert (
        subnormals_of(settled_network('rtformer_slim', 11, IMAGE_NHWC, attention=attention)) == 0
    )


@pytest.mark.parametrize('name', ['ddrnet23_slim', 'mixformer_b0'])
def test_other_families_settle_too(name):
    assert subnormals_of(settled_network(name, 11, IMAGE_NHWC)) == 0


def test_the_same_weights_come_each_time_and_no_other_draw_changes():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = settled_network('rtformer_slim', 5, IMAGE_NHWC, base_channels=8, bn_momentum=0.3)
    assert torch.equal(torch.rand(3), expected)
    again = settled_network('rtformer_slim', 5, IMAGE_NHWC, base_channels=8, bn_momentum=0.3)
    weights = again.state_dict()
    assert all(torch.equal(weight, weights[key]) for key, weight in first.state_dict().items())
    assert {m.momentum for m in first.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {0.3}
    assert not any(module.training for module in first.modules())
