# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe which RTFormer a network is: its widths, its switches, its published variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args, Literal

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.network.architecture import Architecture

VariantName = Literal['slim', 'base']

ATTENTION_HEADS = 8


@dataclass(frozen=True)
class RTFormerVariant:
    """
    One published size of the network, with its settings for Cityscapes.

    base_channels: width of the stem; head_channels: half the width inside the main head and the
    width inside the auxiliary one; cross_size: side of the token grid that cross-resolution
    attention pools the low branch to; injection: whether blocks 4 and 5 add the high branch to
    the low one; drop_path_rate: chance that training drops a residual branch.
    """

    base_channels: int
    head_channels: int
    cross_size: int
    injection: tuple[bool, bool]
    drop_path_rate: float


VARIANTS: dict[VariantName, RTFormerVariant] = {
    'slim': RTFormerVariant(32, 64, 12, (True, True), 0.2),
    'base': RTFormerVariant(64, 128, 12, (True, False), 0.2),
}
"""Settings published for Cityscapes; for ADE20K (150 classes) drop path is 0.1, and slim has
cross_size 8 and injection (True, False)."""


# Far above any network; what is described here is built, and the grid takes memory when it runs.
_MOST = {
    'num_classes': 1 << 16,
    'head_channels': 1 << 16,
    'base_channels': 1 << 16,
    'cross_size': 128,
}


@dataclass(frozen=True)
class RTFormerArchitecture(Architecture):
    """
    Everything that decides which layers an RTFormer has and how they are trained.

    aux_head: whether there is an auxiliary head for training; bn_momentum: share of a batch's
    statistics in the running statistics (PyTorch's convention). The rest is described in
    RTFormerVariant. Raises ConfigError for values out of range.
    """

    base_channels: int
    head_channels: int
    cross_size: int
    injection: tuple[bool, bool]
    drop_path_rate: float
    aux_head: bool = True
    bn_momentum: float = 0.1

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        if self.variant not in VARIANTS:
            raise _bad('variant', self.variant, f'one of {", ".join(get_args(VariantName))}')
        for name, most in _MOST.items():
            if not _is_count(getattr(self, name), most):
                raise _bad(name, getattr(self, name), f'a whole number, 1 to {most}')
        if self.base_channels % ATTENTION_HEADS:
            raise _bad('base_channels', self.base_channels, f'a multiple of {ATTENTION_HEADS}')
        if not _is_pair_of_bools(self.injection):
            raise _bad('injection', self.injection, 'two booleans, for blocks 4 and 5')
        if not isinstance(self.aux_head, bool):
            raise _bad('aux_head', self.aux_head, 'True or False')
        if not (_is_number(self.drop_path_rate) and 0 <= self.drop_path_rate < 1):
            raise _bad('drop_path_rate', self.drop_path_rate, 'a number from 0 to below 1')
        if not (_is_number(self.bn_momentum) and 0 <= self.bn_momentum <= 1):
            raise _bad('bn_momentum', self.bn_momentum, 'a number from 0 to 1')


def _bad(name: str, value: Any, expected: str) -> ConfigError:
    return ConfigError(f'{name} is {quoted(value)}; expected {expected}')


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_pair_of_bools(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, bool) for v in value)
