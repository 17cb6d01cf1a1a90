# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's functions for CUDA where there is no GPU."""

from contextlib import contextmanager
import inspect

import torch


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
