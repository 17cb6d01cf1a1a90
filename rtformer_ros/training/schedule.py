"""Compute the learning rate of a step in closed form."""

from __future__ import annotations

import math

from rtformer_ros.training.recipe import ScheduleRecipe


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
