"""Keep an exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """
    A copy of a network whose weights and running statistics follow the original slowly.

    After t updates the share that stays is min(decay, (1 + t) / (10 + t)), so that early
    averages are not held back by the weights that training began with.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Copy the network; decay: 0 (the copy is always the original) to below 1."""
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards `network` after step number `step` (from 0)."""
        kept = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        ours, theirs = self.network.state_dict(), network.state_dict()
        floats = [key for key, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [ours[key] for key in floats], [theirs[key] for key in floats], 1 - kept
        )
        for key in ours.keys() - set(floats):
            ours[key].copy_(theirs[key])
