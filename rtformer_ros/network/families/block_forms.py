# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Name the forms of an RTFormer block: its attentions and its feed-forward networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any, get_args, Literal

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.network.architecture import check_choice, check_count, check_setting
from torch import Tensor

LowAttention = Literal['gfa', 'mhsa', 'mhea', 'linformer']
"""GPU-friendly, multi-head self-, multi-head external, and Linformer's attention."""

HighAttention = Literal['cross', 'gfa', 'none']
"""Cross-resolution attention, GPU-friendly attention, and no attention at all."""

FeedForward = Literal['conv', 'depthwise']
"""Two 3x3 convolutions, and 1x1 ones around a depth-wise 3x3 one."""

_MOST_TOKENS = 1024


@dataclass(frozen=True)
class BlockForms:
    """
    Forms of the parts of an RTFormer block, those published and what they are compared with.

    attention, high: of the low and of the high branch; feed_forward: of both. groups: of the
    second normalisation of GPU-friendly attention, on the low and on the high branch.
    memory_ratio: units of external attention's memory a channel, above 0 up to 4.
    projected_tokens: tokens that Linformer's attention projects to. Raises ConfigError for values
    out of range, and for one that a form does not read.
    Source: arXiv 2210.07124, table 5, as far as it is known; see each form for what is ours.
    """

    attention: LowAttention = 'gfa'
    high: HighAttention = 'cross'
    feed_forward: FeedForward = 'conv'
    groups: tuple[int, int] = (8, 8)
    memory_ratio: float = 1.0
    projected_tokens: int = 64

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range or without a reader."""
        check_choice('attention', self.attention, get_args(LowAttention))
        check_choice('high', self.high, get_args(HighAttention))
        check_choice('feed_forward', self.feed_forward, get_args(FeedForward))
        is_pair = is_pair_of(int, self.groups) and min(self.groups) >= 1
        check_setting(is_pair, 'groups', self.groups, 'two whole numbers of 1 or more')
        is_ratio = type(self.memory_ratio) in (int, float) and 0 < self.memory_ratio <= 4
        check_setting(is_ratio, 'memory_ratio', self.memory_ratio, 'a number above 0, to 4')
        check_count('projected_tokens', self.projected_tokens, _MOST_TOKENS)
        self._check_readers()

    def memory_size(self, channels: int) -> int:
        """Return the units of external attention's memory on a branch of that width."""
        return max(1, round(channels * self.memory_ratio))

    def _check_readers(self) -> None:
        readers = {
            'groups': 'gfa' in (self.attention, self.high),
            'memory_ratio': self.attention == 'mhea',
            'projected_tokens': self.attention == 'linformer',
        }
        for name, has_reader in readers.items():
            value = getattr(self, name)
            if not has_reader and value != getattr(BlockForms, name):
                raise ConfigError(
                    f'{name} is {quoted(value)}, which attention {self.attention} with '
                    f'high {self.high} does not read; leave it out'
                )


def forms_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """
    Return the fields of BlockForms that the weights of an RTFormer show, and its cross size.

    Numbers of groups leave no trace, and the cross size only where the high branch runs
    GPU-friendly attention. What shows nothing is left out.
    """
    shown: dict[str, Any] = {}
    if 'layer4.attn_l.key_projection' in state:
        shown['attention'] = 'linformer'
        shown['projected_tokens'] = state['layer4.attn_l.key_projection'].shape[-1]
    elif 'layer4.attn_l.memory_keys.weight' in state:
        wide, memory = (
            state.get(f'layer4.attn_l.{name}.weight') for name in ('projection', 'memory_keys')
        )
        shown['attention'] = 'mhea'
        if wide is not None and memory is not None:
            shown['memory_ratio'] = memory.shape[0] / max(1, wide.shape[0])
    elif 'layer4.attn_l.qkv.1.weight' in state:
        shown['attention'] = 'mhsa'
    if 'layer4.attn_h.k' in state:
        shown['high'] = 'gfa'
        shown['cross_size'] = math.isqrt(state['layer4.attn_h.k'].shape[0])
    elif 'layer4.attn_h.norm.weight' not in state and 'layer4.cross_kv.2.weight' not in state:
        shown['high'] = 'none'
    if 'layer4.mlp_l.mixing.weight' in state:
        shown['feed_forward'] = 'depthwise'
    return shown


def is_pair_of(kind: type, value: Any) -> bool:
    """Tell whether a setting is a tuple of two values of a type."""
    return isinstance(value, tuple) and len(value) == 2 and all(type(v) is kind for v in value)
