# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Step kernels by Muon, which makes each step of a matrix orthogonal, and the rest by AdamW."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.family import Network
import torch
from torch import nn, Tensor
from torch.optim import AdamW, Optimizer

_PARTS = ('muon', 'adamw')
# Three instead of the usual five, as the published training of small convolutional networks has
# it: a step of 8 crops on a CPU is a fifth longer with three, a third with five, which learnt no
# faster.
_ORTHOGONALISING_STEPS = 3


class KernelMuon(Optimizer):
    """
    Muon over kernels and AdamW over all other weights, as one optimiser.

    A kernel [out, in, h, w] is the matrix [out, in * h * w] (Jordan et al., Muon, 2024); the
    length of its steps is that of AdamW's, so that rates and decay mean the same (Liu et al.,
    arXiv 2502.16982, section 2.2). Learning rate and weight decay are read from `param_groups`.
    """

    def __init__(self, kernels: Sequence[dict[str, Any]], others: AdamW, lr: float) -> None:
        """
        Share the memory of the weights.

        kernels: groups of kernels, with `weight_decay`. Raises ConfigError where PyTorch is older
        than 2.9.
        """
        try:
            from torch.optim import Muon
        except ImportError as error:
            raise ConfigError(
                f"optimizer.kind is 'muon', which PyTorch has since 2.9; this is "
                f'{torch.__version__}. Install a newer one, or --set optimizer.kind=adamw'
            ) from error
        super().__init__([*kernels, *others.param_groups], {'lr': lr})
        self._weights = [weight for group in kernels for weight in group['params']]
        matrices = [{**each, 'params': [*map(_matrix, each['params'])]} for each in kernels]
        self._matrices = [matrix for group in matrices for matrix in group['params']]
        self._muon = Muon(
            matrices, lr, adjust_lr_fn='match_rms_adamw', ns_steps=_ORTHOGONALISING_STEPS
        )
        self._adamw = others

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move all weights by their gradients."""
        assert closure is None
        for weight, matrix in zip(self._weights, self._matrices, strict=True):
            matrix.grad = None if weight.grad is None else _flat(weight.grad, weight)
        inner = [*self._muon.param_groups, *self._adamw.param_groups]
        for group, own in zip(inner, self.param_groups, strict=True):
            group['lr'], group['weight_decay'] = own['lr'], own['weight_decay']
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what both optimisers hold; `load_state_dict` takes it."""
        return dict(zip(_PARTS, (self._muon.state_dict(), self._adamw.state_dict()), strict=True))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._muon.load_state_dict(state_dict['muon'])
        self._adamw.load_state_dict(state_dict['adamw'])


def is_kernel(name: str, weight: Tensor, network: Network) -> bool:
    """
    Tell whether a weight maps channels to channels, so that Muon can step it.

    Depthwise kernels have one input channel each. What returns the logits is left to AdamW, as
    Muon's authors advise: its rows are classes, which are not alike.
    """
    if weight.ndim != 4 or min(weight.shape[:2]) == 1:
        return False
    in_head = name.startswith(network.family.head_prefixes)
    return not (in_head and len(weight) == network.architecture.num_classes)


def _matrix(weight: Tensor) -> nn.Parameter:
    matrix = _flat(weight.detach(), weight)
    assert matrix.data_ptr() == weight.data_ptr(), 'steps of a copy would not reach the weight'
    return nn.Parameter(matrix)


def _flat(values: Tensor, weight: Tensor) -> Tensor:
    """
    Return values of a kernel as a matrix in the order in which the kernel lies in memory.

    Muon does not care for the order of columns, but they have to be views of the weight's memory:
    in channels-last kernels the channels come after height and width.
    """
    if weight.is_contiguous():
        return values.reshape(len(weight), -1)
    return values.permute(0, 2, 3, 1).reshape(len(weight), -1)
