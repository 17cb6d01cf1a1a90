# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Train in several processes: join them, add up over them, and normalise over all their crops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import os
from typing import cast

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.blocks import BatchNorm
import torch
from torch import distributed, nn, Tensor
from torch.distributed.nn.functional import all_reduce

_CPU = torch.device('cpu')


@dataclass(frozen=True)
class ProcessGroup:
    """
    This process's place among those that train one network together (data parallel).

    rank: 0 to world_size - 1; the process of rank 0 writes files and prints. device: where this
    process computes.
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = _CPU

    @property
    def is_first(self) -> bool:
        """Return whether this process writes and prints for all."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, without a gradient."""
        total = values.detach().clone()
        if self.world_size > 1:
            distributed.all_reduce(total)
        return total

    def differentiable_total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes; gradients flow back into all of them."""
        if self.world_size == 1:
            return values
        total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
        return total


@contextmanager
def joined_process_group(device: str = 'auto') -> Iterator[ProcessGroup]:
    """
    Join the processes that torchrun started, or be the only one, and leave them at the end.

    device: 'auto' (CUDA where there is one), 'cpu', 'cuda' or 'cuda:N'. NCCL connects CUDA
    devices, gloo CPUs. Raises ConfigError for a device that is not there.
    """
    world_size = int(os.environ.get('WORLD_SIZE', '1'))
    local_rank = int(os.environ.get('LOCAL_RANK', '0'))
    chosen = _device(device, local_rank if world_size > 1 else 0)
    if chosen.type == 'cuda':
        torch.cuda.set_device(chosen)
    if world_size == 1:
        yield ProcessGroup(device=chosen)
        return
    distributed.init_process_group('nccl' if chosen.type == 'cuda' else 'gloo')
    try:
        yield ProcessGroup(distributed.get_rank(), world_size, chosen)
    finally:
        distributed.destroy_process_group()


def _device(text: str, local_rank: int) -> torch.device:
    if text == 'auto':
        text = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        device = torch.device(text)
    except RuntimeError as error:
        raise ConfigError(f"device is '{text}'; expected auto, cpu, cuda or cuda:N") from error
    if device.type == 'cpu':
        return device
    if device.type != 'cuda':
        raise ConfigError(f"device is '{text}'; expected auto, cpu, cuda or cuda:N")
    index = local_rank if device.index is None else device.index
    if not 0 <= index < torch.cuda.device_count():
        raise ConfigError(
            f"device is '{text}', but PyTorch sees {torch.cuda.device_count()} "
            'CUDA device(s) here; use --device cpu'
        )
    return torch.device('cuda', index)


class SynchronizedBatchNorm(BatchNorm):
    """
    Normalise as BatchNorm does, over the batches of all processes together.

    torch.nn.SyncBatchNorm runs on CUDA only and keeps the unbiased variance. Here mean and
    variance take two sums over the processes, on any device that they can be connected on.
    """

    group: ProcessGroup

    def forward(self, x: Tensor) -> Tensor:
        """Return x normalised a channel; NCHW in and out."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        count = self.group.total(torch.tensor(x.numel() / x.shape[1], device=x.device))
        mean = self.group.differentiable_total(wide.sum((0, 2, 3))) / count
        centred = wide - mean[:, None, None]
        variance = self.group.differentiable_total(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            momentum = cast('float', self.momentum)
            cast('Tensor', self.running_mean).lerp_(mean, momentum)
            cast('Tensor', self.running_var).lerp_(variance, momentum)
        gain = self.weight * (variance + self.eps).rsqrt()
        normalised = centred * gain[:, None, None] + self.bias[:, None, None]
        return normalised.to(x.dtype)


def synchronize_batch_norms(network: nn.Module, group: ProcessGroup) -> None:
    """Make every BatchNorm of a network one over all processes; all that it holds stays."""
    for module in network.modules():
        if isinstance(module, BatchNorm) and not isinstance(module, SynchronizedBatchNorm):
            # Another class, not another module: a layered network's norms hold more buffers.
            module.__class__ = SynchronizedBatchNorm
            cast('SynchronizedBatchNorm', module).group = group
