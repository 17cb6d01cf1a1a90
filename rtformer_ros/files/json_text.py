# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read JSON of unknown origin into plain data, within the limits of plain_data."""

from __future__ import annotations

import json
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.plain_data import (
    check_length,
    check_text,
    MOST_DEPTH,
    MOST_DIGITS,
    MOST_VALUES,
    TOO_DEEP,
    TOO_MANY,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse_json(text: str, where: str) -> Any:
    """
    Return the plain data in a JSON text.

    Raises ConfigError, which begins with `where` and quotes nothing of what is no JSON.
    """
    check_length(text, where)
    try:
        data = json.loads(text, parse_int=_integer, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ConfigError(f'{where} is no JSON (line {error.lineno}: {error.msg})') from error
    except RecursionError as error:
        raise ConfigError(f'{where}: {TOO_DEEP}') from error
    except ValueError as error:
        raise ConfigError(f'{where}: {error}') from error
    _check(data, where)
    return data


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f'a number has {len(text)} characters')
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError('an object has the same key twice')
    return data


def _check(data: Any, where: str) -> None:
    level, depth, count = [data], 0, 0
    while level:
        count += len(level)
        if count > MOST_VALUES:
            raise ConfigError(f'{where}: {TOO_MANY}')
        if depth > MOST_DEPTH:
            raise ConfigError(f'{where}: {TOO_DEEP}')
        try:
            level = [child for value in level for child in _children(value)]
        except ValueError as error:
            raise ConfigError(f'{where}: it holds half a character') from error
        depth += 1


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for key in value:
            check_text(key)
        yield from value.values()
    elif isinstance(value, list):
        yield from value
