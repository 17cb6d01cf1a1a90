# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Take optimiser steps: normalised images, losses, gradients, weights, their average."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Protocol

from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.network.architecture import MEAN_RGB, STD_RGB
from rtformer_ros.network.family import HeadLogits, Logits, Network, SegmentationNetwork
from rtformer_ros.network.quantisation.layered_network import each_precision
from rtformer_ros.training.losses import LossTerms
from rtformer_ros.training.optimizer import build_optimizer, lr_at, MovingAverage, set_lr
from rtformer_ros.training.process_group import ProcessGroup, synchronize_batch_norms
from rtformer_ros.training.recipe import Recipe, TrainingPrecision
import torch
from torch import nn, Tensor
from torch.nn.parallel import DistributedDataParallel

_DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
_LEAST_WEIGHT = 1e-6
# What a saved optimiser does not decide: the recipe, which may have been changed for the rest of
# the run, and how this version computes.
_KEPT = ('lr_factor', 'weight_decay', 'fused')


class Objective(Protocol):
    """What a network is trained for: the targets that it gets, and the loss of its outputs."""

    def batch(
        self, images_nhwc: Tensor, labels: Tensor, step: int, rank: int, /
    ) -> tuple[Tensor, Tensor]:
        """
        Return what a step trains on: images of 0 to 255, [n, h, w, 3], and their targets.

        images_nhwc: uint8; labels: as crops have them. rank: which process asks.
        """
        ...

    def terms(
        self, outputs: Logits, targets: Tensor, step: int, /
    ) -> tuple[list[LossTerms], list[float]]:
        """Return each loss of this process's crops, and the factor that it counts with."""
        ...


class Learner:
    """
    A network being trained, alone or together with the same one in other processes.

    All randomness of a step (which residual branches drop) comes from the seed, the step and the
    rank, so that a run resumes exactly from nothing but weights and optimiser.
    """

    def __init__(
        self, network: Network, recipe: Recipe, objective: Objective, group: ProcessGroup
    ) -> None:
        """Move the network to the group's device."""
        self.recipe, self.group = recipe, group
        self._objective = objective
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.to(group.device).train()
        self.average = MovingAverage(self.network, recipe.ema_decay)
        if group.world_size > 1:
            synchronize_batch_norms(self.network, group)
        self.optimizer = build_optimizer(self.network, recipe.optimizer)
        self.dtype = autocast_dtype(recipe.precision, group.device)
        self.scaler = torch.amp.GradScaler('cuda', enabled=self.dtype is torch.float16)
        self._model = self._connected()
        self._mean = _per_channel(MEAN_RGB, group.device)
        self._std = _per_channel(STD_RGB, group.device)

    def learn(self, images_nhwc: Tensor, labels: Tensor, step: int) -> float:
        """
        Take step number `step` (from 0) and return the loss of all processes' crops.

        images_nhwc: uint8 [n, h, w, 3] RGB; labels: as the objective takes them. The losses of a
        layered network's precisions add up. Raises ModelError when the loss is no number any more.
        """
        torch.manual_seed((self.recipe.seed * 1_000_003 + step) * 1009 + self.group.rank)
        set_lr(self.optimizer, self.lr(step))
        images, labels = (
            each.to(self.group.device, non_blocking=True) for each in (images_nhwc, labels)
        )
        images, targets = self._objective.batch(images, labels, step, self.group.rank)
        images = self.normalized(images)
        self.optimizer.zero_grad(set_to_none=True)
        value = sum(self._propagate(images, targets, step) for _ in each_precision(self.network))
        self._descend()
        self.average.update(self.network, step)
        return value

    def _propagate(self, images: Tensor, targets: Tensor, step: int) -> float:
        """Add the gradients of a step to those there are, and return the loss."""
        with self._autocast():
            outputs = self._model(images)
        loss, value = self._loss(outputs, targets, step)
        if not torch.isfinite(value):
            raise ModelError(
                f'the loss is {value.item()} at step {step}: training diverged. Resume from the '
                'last checkpoint with a lower learning rate (--lr)'
            )
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return value.item()

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, for weights outside the heads."""
        recipe = self.recipe
        return lr_at(step, recipe.steps, recipe.optimizer.lr, recipe.schedule)

    def normalized(self, images_nhwc: Tensor) -> Tensor:
        """Return what the network reads, float [n, 3, h, w] in channels-last memory."""
        images = images_nhwc.to(self.group.device, non_blocking=True).permute(0, 3, 1, 2)
        return (images.float() / 255 - self._mean) / self._std

    def state(self) -> dict[str, Any]:
        """Return all that changes while learning; `restore` takes it."""
        return {
            'network': self.network.state_dict(),
            'average': self.average.network.state_dict(),
            'optimizer': self.optimizer.state_dict(),
            'scaler': self.scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """
        Continue from what `state` returned.

        Raises ConfigError for a state of another kind of optimiser, whose averages say nothing.
        """
        if state['optimizer'].keys() != self.optimizer.state_dict().keys():
            raise ConfigError(
                f"the run was not trained with optimizer.kind '{self.recipe.optimizer.kind}'; "
                'leave that out, or start a run with --init from its last.safetensors'
            )
        self.network.load_state_dict(state['network'])
        self.average.network.load_state_dict(state['average'])
        kept = [
            {key: group[key] for key in _KEPT if key in group}
            for group in self.optimizer.param_groups
        ]
        self.optimizer.load_state_dict(state['optimizer'])
        for group, values in zip(self.optimizer.param_groups, kept, strict=True):
            group.update(values)
        if state['scaler']:
            self.scaler.load_state_dict(state['scaler'])

    def _connected(self) -> nn.Module:
        """Return what each step calls: a loss of every second pixel needs no enlarged logits."""
        outputs: nn.Module = self.network
        if isinstance(self.network, SegmentationNetwork):
            outputs = HeadLogits(self.network)
        if self.group.world_size == 1:
            return outputs
        device_ids = [self.group.device] if self.group.device.type == 'cuda' else None
        return DistributedDataParallel(outputs, device_ids, broadcast_buffers=False)

    def _autocast(self) -> Any:
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.group.device.type, self.dtype)

    def _loss(self, outputs: Logits, targets: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the loss to differentiate here, and its value over all processes."""
        terms, factors = self._objective.terms(outputs, targets, step)
        sums = torch.stack([summed for summed, _ in terms])
        totals = self.group.total(torch.stack([torch.stack(term) for term in terms]))
        shares = totals.new_tensor(factors) / totals[:, 1].clamp(min=_LEAST_WEIGHT)
        # DistributedDataParallel averages gradients over the processes, hence world_size.
        return self.group.world_size * (shares * sums).sum(), (shares * totals[:, 0]).sum()

    def _descend(self) -> None:
        if self.recipe.optimizer.clip_norm > 0:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimizer.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()


def autocast_dtype(precision: TrainingPrecision, device: torch.device) -> torch.dtype:
    """
    Return the dtype for autocast; float32 means none.

    'auto' is bfloat16 where the device computes in it, else fp16 on CUDA and fp32 on CPU.
    Raises ConfigError for fp16 on a CPU, which cannot train in it.
    """
    if precision == 'fp16' and device.type == 'cpu':
        raise ConfigError("precision is 'fp16' on a CPU; expected auto, bf16 or fp32 there")
    if precision != 'auto':
        return _DTYPES[precision]
    if device.type == 'cuda':
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    computes_in_bf16 = getattr(torch.cpu, '_is_avx512_bf16_supported', lambda: False)
    return torch.bfloat16 if computes_in_bf16() else torch.float32


def _per_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device).reshape(1, 3, 1, 1)
