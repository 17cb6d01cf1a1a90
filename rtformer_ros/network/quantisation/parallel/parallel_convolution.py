# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Convolve groups of channels with weights and inputs of a few levels, as PalQuant does."""

from __future__ import annotations

import math

from rtformer_ros.network.quantisation.bit_planes import signs_of
from rtformer_ros.network.quantisation.parallel.group_quantiser import input_codes, weight_codes
import torch
from torch import nn, Tensor

QUANTISER_VALUES = (
    'lower_weight',
    'upper_weight',
    'input_offset',
    'input_span',
    'output_scale',
)
_BORDER = 3.0
# The standard deviation of a rectified normal distribution with that of both halves as 1.
_RECTIFIED = math.sqrt(1 - 2 / math.pi)
_LEAST = 1e-8


class ParallelConvolution(nn.Conv2d):
    """
    Convolve quantised inputs with quantised weights; see group_quantiser for both.

    lower_weight, upper_weight, input_offset, input_span, input_below: arguments of the quantisers,
    one number each. output_scale: what products of 1 are worth, one number or one a channel.
    levels: of weights and of inputs. observes: whether the next input sets all of these.

    copies: how many groups begin with the same trained weights. Then zero is a level of inputs,
    nothing is dropped of them, each channel has a scale, and the levels of the copies' weights lie
    between each other. 0: weights were drawn, and quantisers are as published.
    """

    levels: int
    copies: int
    observes: bool
    lower_weight: nn.Parameter
    upper_weight: nn.Parameter
    input_offset: nn.Parameter
    input_span: nn.Parameter
    output_scale: nn.Parameter
    input_below: Tensor

    @staticmethod
    def convert(conv: nn.Conv2d, levels: int, copies: int = 0) -> None:
        """Turn a convolution into one of these, whose quantisers have still to be set."""
        conv.__class__ = ParallelConvolution
        assert isinstance(conv, ParallelConvolution)
        conv.levels, conv.copies, conv.observes = levels, copies, False
        one = conv.weight.detach().new_ones(())
        conv.lower_weight, conv.upper_weight = nn.Parameter(-one), nn.Parameter(one.clone())
        conv.input_span = nn.Parameter(one.clone())
        # Frozen at 0 with trained weights: a graph would have to subtract it from each input.
        conv.input_offset = nn.Parameter(0 * one, requires_grad=not copies)
        scales = one.expand(conv.out_channels) if copies else one
        conv.output_scale = nn.Parameter(scales.clone())
        conv.register_buffer('input_below', 0 * one)

    def codes(self) -> Tensor:
        """Return the codes of the weights, float32 [out, in, h, w]."""
        return weight_codes(self.weight, self.lower_weight, self.upper_weight, self.levels)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.observes:
            self.observes = False
            self._observe(input.detach().float())
        convolved = self._convolved(input, self.codes())
        scale = self.output_scale.abs() / (self.levels - 1) ** 2
        convolved = convolved * scale.reshape(-1, 1, 1)
        return convolved if bias is None else convolved + bias.reshape(-1, 1, 1)

    def _convolved(self, x: Tensor, codes: Tensor) -> Tensor:
        values = (self.input_offset, self.input_span, self.input_below)
        convolved: Tensor = super()._conv_forward(
            input_codes(x, *values, self.levels), codes, None
        )
        return convolved

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        """Set quantisers and scale for an input."""
        wanted: Tensor = super()._conv_forward(x, self.weight, None).abs()
        if self.copies:
            self.weight.div_(self.weight.std(dim=(1, 2, 3), keepdim=True).clamp(min=_LEAST))
        border = _BORDER * self.weight.std()
        self.upper_weight.copy_(border)
        self.lower_weight.copy_(-border)
        if self.copies:
            self._stagger()
        self._observe_range(x)
        axes = (0, 2, 3) if self.output_scale.ndim else (0, 1, 2, 3)
        came = self._convolved(x, self.codes()).abs() / (self.levels - 1) ** 2
        self.output_scale.copy_(wanted.mean(axes) / came.mean(axes).clamp(min=_LEAST))

    def _stagger(self) -> None:
        """
        Move the weights of each copy by another part of a step.

        The mean over the copies then has levels that are as many times finer. Signs alternate, so
        that what a rounded weight lacks does not add up over a channel's inputs.
        """
        step = (self.upper_weight - self.lower_weight) / (self.levels - 1)
        order = torch.arange(self.copies, device=step.device)
        shifts = ((order + 0.5) / self.copies - 0.5) * step
        signs = torch.from_numpy(signs_of(self.weight.shape)).to(step)
        each = shifts.repeat_interleave(len(self.weight) // self.copies)
        self.weight.add_(each.reshape(-1, 1, 1, 1) * signs)

    def _observe_range(self, x: Tensor) -> None:
        deviation, least = x.std(), x.min()
        upper = _BORDER * deviation / _RECTIFIED
        if not self.copies:
            self.input_offset.copy_(least)
            self.input_span.copy_(upper - least)
            return
        if least < -deviation:
            upper, least = _BORDER * deviation, least.clamp(min=-_BORDER * deviation)
        last = self.levels - 1
        below = (-least / (upper - least) * last).round().clamp(0, last - 1)
        self.input_below.copy_(below)
        self.input_span.copy_((upper / (last - below) * last).clamp(min=_LEAST))
