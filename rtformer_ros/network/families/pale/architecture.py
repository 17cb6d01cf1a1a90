# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe which Pale Transformer a network is: widths, depths, pale size, published variants."""

from __future__ import annotations

from dataclasses import dataclass

from rtformer_ros.network.architecture import (
    Architecture,
    check_choice,
    check_count,
    check_depths,
    check_drop_rate,
    check_setting,
    check_share,
    check_switch,
)

PALE_STAGES = 4
_MOST_PALE = 64


@dataclass(frozen=True)
class PaleVariant:
    """
    One published size (arXiv 2112.14000): base_channels: width of the first stage, which doubles.

    heads: of the first stage, which double too. They are those of an unofficial implementation,
    as the sources that could be had do not give them; the number of weights does not show them.
    """

    base_channels: int
    heads: int


PALE_VARIANTS = {'t': PaleVariant(64, 2), 's': PaleVariant(96, 2), 'b': PaleVariant(128, 4)}

PALE_DEPTHS = (2, 2, 16, 2)
PALE_SIZE = 7


@dataclass(frozen=True)
class PaleEncoderArchitecture(Architecture):
    """
    What decides the layers of the encoder, and how they are trained; see PaleVariant.

    depths: blocks of the four stages; pale_size: rows and columns of a pale; drop_path_rate:
    chance that training drops a residual branch of the last block; bn_momentum: share of a
    batch's statistics in the running statistics. Raises ConfigError for values out of range.
    """

    base_channels: int
    heads: int
    depths: tuple[int, ...] = PALE_DEPTHS
    pale_size: int = PALE_SIZE
    drop_path_rate: float = 0.0
    bn_momentum: float = 0.1

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        check_choice('variant', self.variant, PALE_VARIANTS)
        for name in ('num_classes', 'base_channels', 'heads'):
            check_count(name, getattr(self, name))
        check_count('pale_size', self.pale_size, _MOST_PALE)
        holds = self.base_channels % (2 * self.heads) == 0
        expected = f'a multiple of {2 * self.heads}'
        check_setting(holds, 'base_channels', self.base_channels, expected)
        check_depths('depths', self.depths, PALE_STAGES)
        check_drop_rate('drop_path_rate', self.drop_path_rate)
        check_share('bn_momentum', self.bn_momentum)

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of the four scales, finest first."""
        return tuple(self.base_channels << stage for stage in range(PALE_STAGES))


@dataclass(frozen=True)
class PaleArchitecture(PaleEncoderArchitecture):
    """The encoder, and the width inside both heads; aux_head: whether training has its own."""

    head_channels: int = 128
    aux_head: bool = True

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        super().__post_init__()
        check_count('head_channels', self.head_channels)
        check_switch('aux_head', self.aux_head)
