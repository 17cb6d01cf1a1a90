# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The static form of adaptive max pooling equals PyTorch's."""

import pytest
from rtformer_ros.deploy.exportable import StaticAdaptiveMaxPool
import torch
import torch.nn.functional as F


@pytest.mark.parametrize('grid', [1, 5, 8, 12])
@pytest.mark.parametrize(
    'size', [(12, 15), (16, 32), (32, 64), (24, 12), (3, 4), (1, 1), (7, 31), (13, 11)]
)
def test_static_pooling_equals_adaptive_pooling(size, grid):
    maps = -1 - torch.rand(2, 3, *size)
    came = StaticAdaptiveMaxPool(*size, grid)(maps)
    assert torch.equal(came, F.adaptive_max_pool2d(maps, grid))
