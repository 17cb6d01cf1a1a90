# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Limits of plain data of unknown origin: mappings, lists, text, numbers, None."""

from __future__ import annotations

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.text_file import MOST_BYTES

MOST_VALUES = 50_000
MOST_DEPTH = 32
MOST_DIGITS = 64
"""Of a number; the conversion of longer ones takes time that grows with their square."""

TOO_MANY = f'it has more than {MOST_VALUES} values'
TOO_DEEP = f'it has more than {MOST_DEPTH} collections within each other'


def check_length(text: str, where: str) -> None:
    """Raise ConfigError, which begins with `where`, for a text longer than a text file may be."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f'{where}: it has {len(text)} characters; at most {MOST_BYTES} are read')


def check_text(text: str) -> str:
    """Return a text; raises ValueError for half of a surrogate pair, which cannot be encoded."""
    text.encode()
    return text
