"""Normalise with the statistics of a batch that is spread over several processes."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from rtformer_ros.network.blocks import BatchNorm
from rtformer_ros.training.process_group import ProcessGroup


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
    """Replace every BatchNorm of a network by one over all processes; weights stay the same."""
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, BatchNorm) and not isinstance(child, SynchronizedBatchNorm):
                parent.add_module(name, _synchronized(child, group))


def _synchronized(norm: BatchNorm, group: ProcessGroup) -> SynchronizedBatchNorm:
    twin = SynchronizedBatchNorm(norm.num_features, norm.eps, norm.momentum)
    twin.load_state_dict(norm.state_dict())
    twin.group = group
    return twin.to(norm.weight.device)
