# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Memory that the C library keeps of what this process has freed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import ctypes
import gc
import os
from pathlib import Path
import threading
from typing import Any

# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 1
# The most that glibc takes: an RGB image of 3840x2160 is 24 MB.
_LARGEST_KEPT_BYTES = 32 << 20
# A frame in, as C and as Python, its mask and its overlay.
_MOST_KEPT_BYTES = 4 * _LARGEST_KEPT_BYTES
# Of madvise(2).
_MADV_HUGEPAGE, _MADV_POPULATE_WRITE = 14, 23
# Of x86, and of ARM with pages of 4 KiB.
_HUGE_PAGE_BYTES = 2 << 20
_HUGE_PAGES = Path('/sys/kernel/mm/transparent_hugepage/enabled')
# For frames and for the network; below the size that keep_frame_memory still takes from the heap.
_ROOM_BLOCKS, _ROOM_BLOCK_BYTES = 3, _LARGEST_KEPT_BYTES - (1 << 16)


def limit_arenas() -> bool:
    """
    Let all threads share one arena; call it before there are threads, so before most imports.

    glibc would make one for nearly each thread that ever ran. Each keeps what its own threads have
    freed, and `trim_heap` gives the end of the first alone back. MALLOC_ARENA_MAX in the
    environment stands. Returns whether the limit holds; False too where the C library is another.

    Source: mallopt(3).
    """
    return _set({_M_ARENA_MAX: _ARENAS}, 'MALLOC_ARENA_MAX')


def keep_frame_memory() -> bool:
    """
    Keep up to 128 MiB of what frames free for the next ones, until `trim_heap`.

    By itself glibc gives the memory of a 1920x1080 picture back with many a frame, and the next
    one pays for 1,500 fresh pages: 2 to 3 ms. MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ in
    the environment stand. Returns whether it holds; False too where the C library is another.

    Source: mallopt(3).
    """
    # Both: either one ends glibc's own adjustment of the other.
    sizes = {_M_MMAP_THRESHOLD: _LARGEST_KEPT_BYTES, _M_TRIM_THRESHOLD: _MOST_KEPT_BYTES}
    return _set(sizes, 'MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_THRESHOLD_')


def use_huge_pages(*, is_filled: bool = False) -> bool:
    """
    Grow the heap by 96 MiB, none of it touched yet, which the kernel shall back by huge pages.

    Pages of 4 KiB cost a node with 1920x1080 images 0.4 ms a frame with the mask, 2 ms with an
    overlay too, and the network an eighth of its time: whatever touches megabytes looks up
    hundreds of them. After `keep_frame_memory`; once more after `trim_heap`, which gives the room
    back. malloc.hugetlb among the GLIBC_TUNABLES of the environment stands. Returns whether it was
    asked for; False too where the C library is another, or the kernel has no such pages.
    is_filled: all of it will be needed soon, so that another thread has the kernel get the pages
    (from Linux 5.14 on), for which a start would wait: 0.1 ms for each of them, in a virtual
    machine up to 5 ms.

    Source: madvise(2), MADV_HUGEPAGE and MADV_POPULATE_WRITE.
    """
    allocate = _function('malloc', [ctypes.c_size_t], ctypes.c_void_p)
    free = _function('free', [ctypes.c_void_p], None)
    move_break = _function('sbrk', [ctypes.c_ssize_t], ctypes.c_void_p)
    advise = _function('madvise', [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int])
    by_hand = 'malloc.hugetlb' in os.environ.get('GLIBC_TUNABLES', '')
    if None in (allocate, free, move_break, advise) or by_hand or not _has_huge_pages():
        return False
    start = move_break(0)
    blocks = [allocate(_ROOM_BLOCK_BYTES) for _ in range(_ROOM_BLOCKS)]
    for block in blocks:
        free(block)
    end = move_break(0)
    # Pages that are there stay as they are, so it is the new ones that are asked for.
    if end <= start or advise(start, end - start, _MADV_HUGEPAGE) != 0:
        return False
    if is_filled:
        threading.Thread(target=_fill, args=(advise, start, end), name='heap', daemon=True).start()
    return True


def _fill(advise: Callable[[int, int, int], int], start: int, end: int) -> None:
    """Have the kernel get the pages between two addresses; what is in them stays."""
    first = -(-start // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
    # One at a time: whoever else wants memory waits for each.
    for address in range(first, end - _HUGE_PAGE_BYTES, _HUGE_PAGE_BYTES):
        if advise(address, _HUGE_PAGE_BYTES, _MADV_POPULATE_WRITE) != 0:
            return


def trim_heap() -> bool:
    """
    Give memory that was freed back to the system; for moments at which much was freed.

    glibc keeps it in an arena for each thread, so a node that has had large images in several
    threads would hold the largest of each for ever. Takes some milliseconds. Returns whether any
    was given back; False too where the C library is another.

    Source: malloc_trim(3).
    """
    trim = _function('malloc_trim', [ctypes.c_size_t])
    if trim is None:
        return False
    # What stands in a circle of references is not free yet.
    gc.collect()
    return bool(trim(0))


def _set(options: Mapping[int, int], *variables: str) -> bool:
    """Set options of malloc, unless the environment has one of the variables; return success."""
    mallopt = _function('mallopt', [ctypes.c_int, ctypes.c_int])
    if mallopt is None or any(name in os.environ for name in variables):
        return False
    return all(mallopt(option, value) for option, value in options.items())


def _has_huge_pages() -> bool:
    try:
        return '[never]' not in _HUGE_PAGES.read_text(encoding='ascii')
    except OSError:
        return False


def _function(name: str, argument_types: list[Any], result_type: Any = ctypes.c_int) -> Any:
    """Return a function of the C library; None where it has none of that name."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function.argtypes, function.restype = argument_types, result_type
    return function
