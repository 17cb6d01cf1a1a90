# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Memory that the C library keeps of what this process has freed."""

from __future__ import annotations

import ctypes
import functools
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def trim_heap() -> bool:
    """
    Give memory that was freed back to the system; for moments at which much was freed.

    glibc keeps it in an arena for each thread, so a node that has had large images in several
    threads would hold the largest of each for ever. Takes some milliseconds. Returns whether any
    was given back; False too where the C library is another.

    Source: malloc_trim(3).
    """
    trim = _malloc_trim()
    if trim is None:
        return False
    # What stands in a circle of references is not free yet.
    gc.collect()
    return bool(trim(0))


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim
