# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe which RTFormer a network is: its widths, its switches, its published variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast, get_args, Literal

from rtformer_ros.network.architecture import (
    Architecture,
    check_choice,
    check_count,
    check_drop_rate,
    check_setting,
    check_share,
    check_switch,
)
from rtformer_ros.network.families.block_forms import (
    BlockForms,
    FeedForward,
    HighAttention,
    is_pair_of,
    LowAttention,
)

VariantName = Literal['slim', 'base']

Boundary = Literal['none', 'sdn']
"""Nothing, and a semantic diffusion network, between the branches and the head."""

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


def published_settings(variant: str) -> dict[str, Any]:
    """Return the fields of a published size by name; raises ConfigError for another one."""
    check_choice('variant', variant, VARIANTS)
    return asdict(VARIANTS[cast('VariantName', variant)])


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not None, which stands for the published value."""
    return {name: value for name, value in options.items() if value is not None}


_MOST_CROSS_SIZE = 128  # the grid takes memory when it runs


@dataclass(frozen=True)
class RTFormerArchitecture(Architecture):
    """
    Everything that decides which layers an RTFormer has and how they are trained.

    aux_head: whether there is an auxiliary head for training; bn_momentum: share of a batch's
    statistics in the running statistics (PyTorch's convention); boundary: what sharpens the
    borders between classes. The rest is described in RTFormerVariant and BlockForms. Raises
    ConfigError for values out of range.
    """

    base_channels: int
    head_channels: int
    cross_size: int
    injection: tuple[bool, bool]
    drop_path_rate: float
    aux_head: bool = True
    bn_momentum: float = 0.1
    attention: LowAttention = BlockForms.attention
    high: HighAttention = BlockForms.high
    feed_forward: FeedForward = BlockForms.feed_forward
    groups: tuple[int, int] = BlockForms.groups
    memory_ratio: float = BlockForms.memory_ratio
    projected_tokens: int = BlockForms.projected_tokens
    boundary: Boundary = 'none'

    @property
    def forms(self) -> BlockForms:
        """Return the forms of the blocks' parts; raises ConfigError for those that cannot be."""
        return BlockForms(**{item.name: getattr(self, item.name) for item in fields(BlockForms)})

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
        is_pair = is_pair_of(bool, self.injection)
        check_setting(is_pair, 'injection', self.injection, 'two booleans, for blocks 4 and 5')
        check_switch('aux_head', self.aux_head)
        check_drop_rate('drop_path_rate', self.drop_path_rate)
        check_share('bn_momentum', self.bn_momentum)
        check_choice('boundary', self.boundary, get_args(Boundary))
        self._check_groups(self.forms)

    def _check_groups(self, forms: BlockForms) -> None:
        """Raise ConfigError unless each branch's inner channels divide into its groups."""
        low, high = forms.groups
        if forms.attention == 'gfa':
            channels = 8 * self.base_channels
            expected = f'a divisor of the {channels} channels of the low branch'
            check_setting(channels % low == 0, 'groups of the low branch', low, expected)
        if forms.high == 'gfa':
            channels = self.cross_size**2
            expected = f'a divisor of the square of cross_size, {channels}'
            check_setting(channels % high == 0, 'groups of the high branch', high, expected)
