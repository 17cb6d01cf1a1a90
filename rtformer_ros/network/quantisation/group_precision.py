# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Group precision: how many parallel groups there are, and of how many bits."""

from __future__ import annotations

from dataclasses import dataclass

from rtformer_ros.errors import ConfigError, quoted

_CHOICES = {'bits': (2, 4), 'groups': tuple(range(1, 9))}


@dataclass(frozen=True)
class GroupPrecision:
    """
    What parallel groups of low precision are: how many, and the bits of weights and inputs.

    Raises ConfigError for others than 2 or 4 bits and 1 to 8 groups.
    """

    bits: int = 4
    groups: int = 2

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ConfigError(
                    f'{name} of parallel groups is {quoted(value)}; expected one of '
                    f'{", ".join(map(str, choices))}'
                )
