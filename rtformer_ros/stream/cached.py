# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Cache of size one: a value that is computed again only when what it is made from changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec('P')
ValueT = TypeVar('ValueT')


class Cached(Generic[P, ValueT]):
    """
    Function that keeps its last value, for as long as its arguments stay equal.

    Unlike functools.lru_cache it compares by == alone, so arguments need no hash, and keeps their
    types. A call that raises leaves the kept value as it was. Calls at the same time from several
    threads may compute a value each.
    """

    def __init__(self, make: Callable[P, ValueT]) -> None:
        """Start empty; make: computes the value."""
        self._make = make
        self._kept: tuple[object, ValueT] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> ValueT:
        """Return the value for these arguments; raises what `make` does."""
        key, kept = (args, kwargs), self._kept
        if kept is None or kept[0] != key:
            kept = self._kept = (key, self._make(*args, **kwargs))
        return kept[1]

    def clear(self) -> None:
        """Forget the value."""
        self._kept = None
