# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Decode picture files, a few ahead in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.image_header import image_format

_SampleT = TypeVar('_SampleT')
_DecodedT = TypeVar('_DecodedT')


def read_picture(path: Path, flags: int) -> npt.NDArray[np.uint8]:
    """Return a picture as OpenCV's `flags` say; raises ImageError, naming the file."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f'cannot read {path}: {error}') from error
    picture = cv2.imdecode(content, flags) if _is_picture(content) else None
    if picture is None:
        raise ImageError(f'{path} is cut short or is no picture that can be read; fetch it again')
    return picture  # type: ignore[return-value]


def decoded_in_order(
    samples: Sequence[_SampleT], decode: Callable[[_SampleT], _DecodedT], threads: int
) -> Iterator[_DecodedT]:
    """Decode in threads, a few samples ahead, and yield in order; raises what `decode` raises."""
    with ThreadPoolExecutor(threads) as pool:
        pending = []
        for sample in samples:
            pending.append(pool.submit(decode, sample))
            if len(pending) > 4 * threads:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()


class BoundedMemory(Generic[_DecodedT]):
    """Keep what was decoded while it takes less than a limit, and none of it beyond that."""

    def __init__(self, limit_bytes: int) -> None:
        """Keep nothing yet."""
        self._limit_bytes, self._used_bytes = limit_bytes, 0
        self._items: list[_DecodedT] | None = []

    @property
    def items(self) -> tuple[_DecodedT, ...] | None:
        """Return all that was added, None where it was too much."""
        return None if self._items is None else tuple(self._items)

    def add(self, item: _DecodedT, nbytes: int) -> None:
        """Add an item of that size."""
        self._used_bytes += nbytes
        if self._used_bytes > self._limit_bytes:
            self._items = None
        if self._items is not None:
            self._items.append(item)


def _is_picture(content: npt.NDArray[np.uint8]) -> bool:
    try:
        return bool(content.size and image_format(content))
    except ImageError:
        return False
