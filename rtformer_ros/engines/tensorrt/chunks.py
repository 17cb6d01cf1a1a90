"""Divide any number of images into calls of the few numbers that a plan is prepared for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Chunk:
    """Images first .. first + count - 1, in a call of `size` images; the rest of it is padding."""

    first: int
    count: int
    size: int


def chunks(total: int, sizes: Sequence[int]) -> Iterator[Chunk]:
    """
    Divide `total` images into calls of as few images as hold them, largest first.

    sizes: numbers of images that a call may have, ascending, at least one. Only the smallest is
    ever padded.
    """
    first = 0
    while first < total:
        left = total - first
        size = max((each for each in sizes if each <= left), default=sizes[0])
        yield Chunk(first, min(size, left), size)
        first += size
