# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Name what every network has in common: its settings, and the normalisation of its input.

The checks refuse settings that no network can have: a checkpoint's header is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rtformer_ros.errors import ConfigError, quoted

MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
"""Normalisation of the input: (pixel / 255 - mean) / std, in the order red, green, blue."""

MOST_CHANNELS = 1 << 16
"""Far above any network: what is described is built."""

_MOST_BLOCKS = 64


@dataclass(frozen=True)
class Architecture:
    """
    Settings that decide the layers of a network; each family adds its own, all plain data.

    variant: the published size that it is or was derived from; num_classes: 1 or more.
    """

    variant: str
    num_classes: int


def check_setting(holds: bool, name: str, value: Any, expected: str) -> None:
    """Raise ConfigError, which names a setting and its value, unless something holds of it."""
    if not holds:
        raise ConfigError(f'{name} is {quoted(value)}; expected {expected}')


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Raise ConfigError unless a setting is one of `choices`."""
    check_setting(value in choices, name, value, f'one of {", ".join(choices)}')


def check_count(name: str, value: Any, most: int = MOST_CHANNELS) -> None:
    """Raise ConfigError unless a setting is a whole number, 1 to `most`."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
    check_setting(is_count, name, value, f'a whole number, 1 to {most}')


def check_switch(name: str, value: Any) -> None:
    """Raise ConfigError unless a setting is True or False."""
    check_setting(isinstance(value, bool), name, value, 'True or False')


def check_drop_rate(name: str, value: Any) -> None:
    """Raise ConfigError unless a setting is a chance below 1."""
    holds = _is_number(value) and 0 <= value < 1
    check_setting(holds, name, value, 'a number from 0 to below 1')


def check_share(name: str, value: Any) -> None:
    """Raise ConfigError unless a setting is a number from 0 to 1."""
    check_setting(_is_number(value) and 0 <= value <= 1, name, value, 'a number from 0 to 1')


def check_depths(name: str, value: Any, stages: int) -> None:
    """Raise ConfigError unless a setting is a number of blocks for each of so many stages."""
    holds = (
        isinstance(value, tuple)
        and len(value) == stages
        and all(type(depth) is int and 1 <= depth <= _MOST_BLOCKS for depth in value)
    )
    check_setting(holds, name, value, f'{stages} whole numbers, 1 to {_MOST_BLOCKS}')


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
