# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe which RTFormer a network is: its widths, its switches, its published variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rtformer_ros.network.architecture import (
    Architecture,
    check_choice,
    check_count,
    check_drop_rate,
    check_setting,
    check_share,
    check_switch,
)

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


_MOST_CROSS_SIZE = 128  # the grid takes memory when it runs


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
        check_choice('variant', self.variant, VARIANTS)
        check_count('num_classes', self.num_classes)
        check_count('head_channels', self.head_channels)
        check_count('base_channels', self.base_channels)
        check_count('cross_size', self.cross_size, _MOST_CROSS_SIZE)
        is_multiple = self.base_channels % ATTENTION_HEADS == 0
        expected = f'a multiple of {ATTENTION_HEADS}'
        check_setting(is_multiple, 'base_channels', self.base_channels, expected)
        is_pair = _is_pair_of_bools(self.injection)
        check_setting(is_pair, 'injection', self.injection, 'two booleans, for blocks 4 and 5')
        check_switch('aux_head', self.aux_head)
        check_drop_rate('drop_path_rate', self.drop_path_rate)
        check_share('bn_momentum', self.bn_momentum)


def _is_pair_of_bools(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, bool) for v in value)
