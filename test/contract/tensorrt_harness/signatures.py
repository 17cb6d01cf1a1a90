# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read the signatures that pybind11 writes into docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import functools
import re

_HEAD = re.compile(r'^(?:\d+\. )?\w*\(.*\) -> .+$')
_OPENING, _CLOSING = '([{<', ')]}>'


@dataclass(frozen=True)
class Parameter:
    """A parameter: its name, its type as text, and whether it may be left out."""

    name: str
    annotation: str
    is_optional: bool


@dataclass(frozen=True)
class Signature:
    """One overload of a function."""

    parameters: tuple[Parameter, ...]
    returns: str

    def bind(self, values: tuple[object, ...], named: dict[str, object]) -> dict[str, object]:
        """Return the values by the names of the parameters; raises TypeError unless they fit."""
        names = [parameter.name for parameter in self.parameters]
        if len(values) > len(names):
            raise TypeError(f'takes {len(names)} arguments, not {len(values)}')
        bound = dict(zip(names, values, strict=False))
        for name, value in named.items():
            if name not in names or name in bound:
                raise TypeError(f'has no argument {name!r} left')
            bound[name] = value
        missing = [p.name for p in self.parameters if not p.is_optional and p.name not in bound]
        if missing:
            raise TypeError(f'misses {", ".join(missing)}')
        return bound


@functools.cache
def overloads(docstring: str | None) -> tuple[Signature, ...]:
    """Return the signatures of a function or property accessor; none where nothing is said."""
    lines = [line.strip() for line in (docstring or '').splitlines()]
    heads = [line for line in lines if _HEAD.match(line)]
    is_overloaded = 'Overloaded function.' in lines
    chosen = [h for h in heads if h[0].isdigit()] if is_overloaded else heads[:1]
    return tuple(_parse(head) for head in chosen)


def _parse(head: str) -> Signature:
    start = head.index('(')
    end = next(i for i, depth in _depths(head, start) if depth == 0)
    arguments = list(_split(head[start + 1 : end]))
    parameters = [_parameter(each) for each in arguments if each not in ('/', '*')]
    return Signature(tuple(parameters), head[end + 1 :].partition('->')[2].strip())


def _depths(text: str, start: int) -> Iterator[tuple[int, int]]:
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] in _OPENING) - (text[index] in _CLOSING)
        yield index, depth


def _split(arguments: str) -> Iterator[str]:
    start = 0
    for index, depth in _depths(arguments, 0):
        if depth == 0 and arguments[index] == ',':
            yield arguments[start:index].strip()
            start = index + 1
    if arguments[start:].strip():
        yield arguments[start:].strip()


def _parameter(text: str) -> Parameter:
    declared, is_default, _ = text.partition(' = ')
    name, _, annotation = declared.partition(':')
    return Parameter(name.strip(), annotation.strip() or 'object', bool(is_default))
