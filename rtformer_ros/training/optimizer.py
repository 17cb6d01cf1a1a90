# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Step the weights: optimiser in groups, its learning rate by step, the average it leaves."""

from __future__ import annotations

import copy
import math
from typing import Any, Generic, TypeVar

from rtformer_ros.network.family import Network
from rtformer_ros.network.quantisation.layered_network import LOG_STEPS
from rtformer_ros.network.quantisation.parallel.parallel_convolution import QUANTISER_VALUES
from rtformer_ros.training.muon import is_kernel, KernelMuon
from rtformer_ros.training.recipe import OptimizerRecipe, ScheduleRecipe
import torch
from torch import nn
from torch.optim import AdamW, Optimizer

_UNDECAYED = (*LOG_STEPS, *QUANTISER_VALUES)


def build_optimizer(network: Network, recipe: OptimizerRecipe) -> Optimizer:
    """
    Return AdamW over a network's weights, or Muon over its kernels and AdamW over the rest.

    Each group's `lr_factor` multiplies the schedule. What the network's family calls a head (with
    RTFormer, DAPPM too) learns `head_lr_factor` times as fast as the rest; batch norms and biases
    are left without weight decay where the recipe says so, and steps, ranges and scales of
    quantisers always. Raises ConfigError for a PyTorch without Muon.
    """
    heads = network.family.head_prefixes
    by_muon = recipe.kind == 'muon'
    groups: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        decays = weight.ndim > 1 or (recipe.decay_norms and not name.endswith(_UNDECAYED))
        kernel = by_muon and is_kernel(name, weight, network)
        groups.setdefault((kernel, name.startswith(heads), decays), []).append(weight)
    kernels: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for (kernel, in_head, decays), weights in sorted(groups.items()):
        head_factor = recipe.head_lr_factor if in_head else 1.0
        group = {
            'params': weights,
            'lr_factor': head_factor * (recipe.muon_lr_factor if kernel else 1.0),
            'weight_decay': recipe.weight_decay if decays else 0.0,
        }
        (kernels if kernel else others).append(group)
    adamw = AdamW(
        others,
        lr=recipe.lr,
        betas=(recipe.beta1, recipe.beta2),
        # One pass over the weights instead of one for each term: on a CPU 3 % of a step, not 7 %.
        fused=True,
    )
    return KernelMuon(kernels, adamw, recipe.lr) if kernels else adamw


def lr_at(step: int, total_steps: int, peak_lr: float, recipe: ScheduleRecipe) -> float:
    """
    Return the learning rate of a step (from 0), for weights without a factor of their own.

    Warm-up: peak_lr * (step + 1) / warmup_steps. Then, with t running from 0 after the warm-up
    to 1 at the end, final + (peak - final) * (1 - t)^power for poly, half a cosine for cosine;
    stable: the peak, and poly over the last `decay_share` of all steps.
    """
    warmup = min(recipe.warmup_steps, total_steps)
    if step < warmup:
        return peak_lr * (step + 1) / warmup
    start = warmup
    if recipe.kind == 'stable':
        start = max(warmup, round(total_steps * (1 - recipe.decay_share)))
    progress = min(1.0, max(0.0, (step - start) / max(1, total_steps - start)))
    if recipe.kind == 'cosine':
        remaining = (1 + math.cos(math.pi * progress)) / 2
    else:
        remaining = (1 - progress) ** recipe.power
    return recipe.final_lr + (peak_lr - recipe.final_lr) * remaining


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Set the learning rate of every group to `lr` times the group's factor."""
    for group in optimizer.param_groups:
        group['lr'] = lr * group['lr_factor']


NetworkT = TypeVar('NetworkT', bound=nn.Module)


class MovingAverage(Generic[NetworkT]):
    """
    A copy of a network whose weights and running statistics follow the original slowly.

    After t updates the share that stays is min(decay, (1 + t) / (10 + t)), so that early
    averages are not held back by the weights that training began with.
    """

    def __init__(self, network: NetworkT, decay: float) -> None:
        """Copy the network; decay: 0 (the copy is always the original) to below 1."""
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: NetworkT, step: int) -> None:
        """Move towards `network` after step number `step` (from 0)."""
        kept = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        ours, theirs = self.network.state_dict(), network.state_dict()
        floats = [key for key, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [ours[key] for key in floats], [theirs[key] for key in floats], 1 - kept
        )
        for key in ours.keys() - set(floats):
            ours[key].copy_(theirs[key])
