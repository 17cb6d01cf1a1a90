# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe which MixFormer a network is: its widths, its depths, its published variants."""

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

STAGES = 4
_LEAST_CHANNELS = 16  # a sixteenth of them is a layer


@dataclass(frozen=True)
class MixFormerVariant:
    """
    One published size (arXiv 2204.02557, table 1).

    base_channels: width of the first stage, which doubles with each; depths: blocks of the four
    stages; head_size: channels of an attention head; drop_path_rate: chance that training drops
    a residual branch of the last block.
    """

    base_channels: int
    depths: tuple[int, ...]
    head_size: int
    drop_path_rate: float


MIXFORMER_VARIANTS = {
    'b0': MixFormerVariant(24, (1, 2, 6, 6), 4, 0.0),
    'b1': MixFormerVariant(32, (1, 2, 6, 6), 8, 0.0),
    'b2': MixFormerVariant(32, (2, 2, 8, 8), 8, 0.05),
    'b3': MixFormerVariant(48, (2, 2, 8, 6), 8, 0.1),
    'b4': MixFormerVariant(64, (2, 2, 8, 8), 8, 0.2),
    'b5': MixFormerVariant(96, (1, 2, 8, 6), 8, 0.3),
    'b6': MixFormerVariant(96, (2, 4, 16, 12), 8, 0.5),
}


@dataclass(frozen=True)
class MixFormerEncoderArchitecture(Architecture):
    """
    What decides the layers of the encoder, and how they are trained; see MixFormerVariant.

    bn_momentum: share of a batch's statistics in the running statistics. Raises ConfigError for
    values out of range.
    """

    base_channels: int
    depths: tuple[int, ...]
    head_size: int
    drop_path_rate: float
    bn_momentum: float = 0.1

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        check_choice('variant', self.variant, MIXFORMER_VARIANTS)
        for name in ('num_classes', 'base_channels', 'head_size'):
            check_count(name, getattr(self, name))
        is_multiple = self.base_channels % (2 * self.head_size) == 0
        holds = is_multiple and self.base_channels >= _LEAST_CHANNELS
        expected = f'a multiple of {2 * self.head_size}, {_LEAST_CHANNELS} or more'
        check_setting(holds, 'base_channels', self.base_channels, expected)
        check_depths('depths', self.depths, STAGES)
        check_drop_rate('drop_path_rate', self.drop_path_rate)
        check_share('bn_momentum', self.bn_momentum)

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels of the four scales, finest first."""
        return tuple(self.base_channels << stage for stage in range(STAGES))


@dataclass(frozen=True)
class MixFormerArchitecture(MixFormerEncoderArchitecture):
    """The encoder, and the width inside both heads; aux_head: whether training has its own."""

    head_channels: int = 128
    aux_head: bool = True

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        super().__post_init__()
        check_count('head_channels', self.head_channels)
        check_switch('aux_head', self.aux_head)
