# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read YAML of unknown origin into plain data.

Work and memory are bounded by the length of the text: there are no anchors, aliases, merge keys or
tags, depth, number of values and length of numbers are limited, and keys are text. Dates stay
text. Errors name the file and the line; of what is no YAML they quote nothing.
"""

from __future__ import annotations

from pathlib import Path
import re
from typing import Any

from rtformer_ros.errors import ConfigError, shown_path
from rtformer_ros.files.plain_data import (
    check_length,
    check_text,
    MOST_DEPTH,
    MOST_DIGITS,
    MOST_VALUES,
    TOO_DEEP,
    TOO_MANY,
)
from rtformer_ros.files.text_file import read_text
import yaml

_CORE_TAGS = frozenset(
    f'tag:yaml.org,2002:{name}' for name in ('str', 'null', 'bool', 'int', 'float', 'seq', 'map')
)
_MERGE = 'tag:yaml.org,2002:merge'
_EXCERPT = re.compile(r"""['"].*['"]""", re.DOTALL)


def read_yaml(path: Path, what: str) -> Any:
    """
    Return the plain data in a YAML file, None for an empty one.

    what: the kind of file, for errors ('label file'). Raises ConfigError, naming file and line.
    """
    return parse_yaml(read_text(path, what), f'cannot read the {what} {shown_path(path)}')


def parse_yaml(text: str, where: str) -> Any:
    """Return the plain data in a YAML text; raises ConfigError, which begins with `where`."""
    check_length(text, where)
    builder = _Builder(where)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
            builder.add(event)
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ConfigError(f'{where}: it is no YAML{_fault(error, text)}') from error
    return builder.result


class _Builder:
    """Plain data in the making, event by event."""

    def __init__(self, where: str) -> None:
        self.result: Any = None
        self._where = where
        self._open: list[Any] = []
        # The key of each open mapping that waits for its value.
        self._keys: list[str | None] = []
        self._count = 0
        self._documents = 0

    def add(self, event: Any) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent) or getattr(event, 'anchor', None) is not None:
            raise self._refused(event, 'anchors and aliases (& and *) are not taken')
        elif isinstance(event, yaml.NodeEvent):
            self._add_value(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._refused(event, 'it holds more than one document')

    def _add_value(self, event: Any) -> None:
        self._count += 1
        if self._count > MOST_VALUES:
            raise self._refused(event, TOO_MANY)
        if event.tag is not None and event.tag not in (*_CORE_TAGS, '!'):
            raise self._refused(event, 'tags (!...) are not taken')
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._scalar(event), event)
            return
        if self._is_key_next():
            raise self._refused(event, 'a key is a collection; expected text')
        data: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(data, event)
        self._open.append(data)
        self._keys.append(None)
        if len(self._open) > MOST_DEPTH:
            raise self._refused(event, TOO_DEEP)

    def _is_key_next(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None

    def _put(self, value: Any, event: Any) -> None:
        if not self._open:
            self.result = value
        elif isinstance(self._open[-1], list):
            self._open[-1].append(value)
        elif self._is_key_next():
            if not isinstance(value, str):
                raise self._refused(event, 'a key is no text; put it in quotes')
            if value in self._open[-1]:
                raise self._refused(event, 'a key is there twice')
            self._keys[-1] = value
        else:
            self._open[-1][self._keys[-1]] = value
            self._keys[-1] = None

    def _scalar(self, event: Any) -> Any:
        text, tag = check_text(event.value), event.tag
        if tag is None:
            tag = _implicit_tag(text) if event.implicit[0] else '!'
        kind = tag.rpartition(':')[2]
        if tag == _MERGE:
            raise self._refused(event, 'merge keys (<<) are not taken')
        if kind in ('int', 'float') and len(text) > MOST_DIGITS:
            raise self._refused(event, f'a number has {len(text)} characters')
        try:
            return _of_kind(kind, text)
        except (ValueError, LookupError) as error:
            raise self._refused(event, f'a value is no {kind}') from error

    def _refused(self, event: Any, why: str) -> ConfigError:
        return ConfigError(f'{self._where}: {why} (line {event.start_mark.line + 1})')


def _implicit_tag(text: str) -> str:
    """Return the tag that YAML 1.1 gives to text without quotes."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ())
    return next((tag for tag, pattern in resolvers if pattern.match(text)), '!')


def _of_kind(kind: str, text: str) -> Any:
    """Return a scalar of a tag's last word; dates and what has no word stay text."""
    if kind == 'null':
        return None
    if kind not in ('bool', 'int', 'float'):
        return text
    construct = getattr(yaml.constructor.SafeConstructor(), f'construct_yaml_{kind}')
    return construct(yaml.ScalarNode(kind, text))


def _fault(error: Exception, text: str) -> str:
    """Return line and reason of what is no YAML, without anything of its content."""
    if isinstance(error, yaml.reader.ReaderError):
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        line = text.count('\n', 0, found.start() if found else 0) + 1
        return f' (line {line}: a control character)'
    mark = getattr(error, 'problem_mark', None)
    if mark is None:
        return ''
    problem = str(getattr(error, 'problem', None) or '')
    if not hasattr(yaml, 'CSafeLoader'):
        # What libyaml's twin in Python quotes may be of the file.
        problem = _EXCERPT.sub('...', problem)
    return f' (line {mark.line + 1}{": " if problem else ""}{problem})'
