# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe which DDRNet a network is: its widths, its convention, its published variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args, Literal

from rtformer_ros.network.architecture import (
    Architecture,
    check_choice,
    check_count,
    check_share,
    check_switch,
)

Convention = Literal['official', 'paddleseg']
"""
Whose DDRNet the weights are for; the names of layers apart, two things differ.

official: the authors' (PyTorch): DAPPM's average pools count their padding, and `down3` pads both
sides by one pixel. paddleseg: the pools do not count it, and where a map has an even number of
rows or columns, `down3` pads behind them only.
"""


@dataclass(frozen=True)
class DDRNetVariant:
    """
    One published size (arXiv 2101.06085).

    base_channels: width of the stem; head_channels: width inside the heads; last_channels: width
    of the features that the classifier averages.
    """

    base_channels: int
    head_channels: int
    last_channels: int


DDRNET_VARIANTS = {
    '23-slim': DDRNetVariant(32, 64, 1024),
    '23': DDRNetVariant(64, 128, 2048),
}


@dataclass(frozen=True)
class DDRNetArchitecture(Architecture):
    """
    Everything that decides which layers a DDRNet has and how they are trained.

    aux_head: whether there is an auxiliary head for training; bn_momentum: share of a batch's
    statistics in the running statistics. The rest is described in DDRNetVariant and Convention.
    Raises ConfigError for values out of range.
    """

    base_channels: int
    head_channels: int
    convention: Convention = 'official'
    aux_head: bool = True
    bn_momentum: float = 0.1

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        check_choice('variant', self.variant, DDRNET_VARIANTS)
        for name in ('num_classes', 'base_channels', 'head_channels'):
            check_count(name, getattr(self, name))
        check_choice('convention', self.convention, get_args(Convention))
        check_switch('aux_head', self.aux_head)
        check_share('bn_momentum', self.bn_momentum)


@dataclass(frozen=True)
class DDRNetClassifierArchitecture(Architecture):
    """Everything that decides the layers of a DDRNet for images as a whole; see above."""

    base_channels: int
    last_channels: int
    bn_momentum: float = 0.1

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        check_choice('variant', self.variant, DDRNET_VARIANTS)
        for name in ('num_classes', 'base_channels', 'last_channels'):
            check_count(name, getattr(self, name))
        check_share('bn_momentum', self.bn_momentum)
