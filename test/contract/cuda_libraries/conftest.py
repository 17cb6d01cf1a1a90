# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A PyTorch that finds CUDA where there is none."""

import pytest
from simulated_torch_cuda import TorchOnHost


@pytest.fixture
def torch_on_host(monkeypatch):
    return TorchOnHost(monkeypatch)
