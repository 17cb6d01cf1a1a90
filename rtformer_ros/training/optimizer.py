"""Give AdamW the network's weights, in groups with learning rates of their own."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import AdamW

from rtformer_ros.training.recipe import OptimizerRecipe

_HEADS = ('spp.', 'seghead.', 'seghead_extra.')


def build_optimizer(network: nn.Module, recipe: OptimizerRecipe) -> AdamW:
    """
    Return AdamW over a network's weights; each group's `lr_factor` multiplies the schedule.

    DAPPM and the heads learn `head_lr_factor` times as fast as the rest (arXiv 2210.07124's
    reference); batch norms and biases are left without weight decay where the recipe says so.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        decays = recipe.decay_norms or weight.ndim > 1
        groups.setdefault((name.startswith(_HEADS), decays), []).append(weight)
    return AdamW(
        [
            {
                'params': weights,
                'lr_factor': recipe.head_lr_factor if in_head else 1.0,
                'weight_decay': recipe.weight_decay if decays else 0.0,
            }
            for (in_head, decays), weights in sorted(groups.items())
        ],
        lr=recipe.lr,
        betas=(recipe.beta1, recipe.beta2),
    )


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every group to `lr` times the group's factor."""
    for group in optimizer.param_groups:
        group['lr'] = lr * group['lr_factor']
