# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Memory that was freed goes back to the system."""

from __future__ import annotations

import os
from pathlib import Path
import platform
import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from rtformer_ros.processes.heap import trim_heap

def resident_mib():
    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 2**20

start = resident_mib()
# Below the size that glibc maps by itself; the last one keeps the others from the top of the heap.
blocks = [bytes(b'x') * 50_000 for _ in range(2000)]
kept = blocks.pop()
circle = [blocks]
circle.append(circle)
del blocks, circle
freed = resident_mib()
print(trim_heap(), freed - start, resident_mib() - start)
"""


def output_of(program, **variables):
    """Run a program with these variables of malloc alone, '' standing for none; what it prints."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    for name in list(environment):
        if name.startswith(('MALLOC_', 'GLIBC_')):
            del environment[name]
    environment.update({name: value for name, value in variables.items() if value})
    return subprocess.run(
        [sys.executable, '-c', program],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_freed_memory_goes_back():
    was_given, held_mib, left_mib = output_of(PROGRAM).split()
    assert was_given == 'True'
    assert float(held_mib) > 90
    assert float(left_mib) < 10


ARENAS = """
import ctypes, threading
from rtformer_ros.processes.heap import limit_arenas

limited = limit_arenas()

barrier = threading.Barrier(9)

def work():
    block = bytes(b'x') * 50_000
    barrier.wait()
    barrier.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
barrier.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(b'/dev/stdout', b'w')
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fflush(ctypes.c_void_p(file))
barrier.wait()
print()
print(limited)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
@pytest.mark.parametrize('by_hand', ['', '5'])
def test_threads_share_one_arena_unless_the_environment_says_more(by_hand):
    output = output_of(ARENAS, MALLOC_ARENA_MAX=by_hand)
    assert output.split()[-1] == str(not by_hand)
    # malloc_info(3) has an element for each arena.
    assert output.count('<heap nr=') == int(by_hand or 1)


FRAMES = """
import resource
import numpy as np
from rtformer_ros.processes.heap import keep_frame_memory

def frame():
    # In, mask and overlay, all held at once as in a node.
    return [np.ones((1080, 1920, 3), np.uint8) for _ in range(3)]

kept = keep_frame_memory()
for _ in range(5):
    frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    frame()
print(kept, (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
@pytest.mark.parametrize('by_hand', ['', '65536'])
def test_the_next_frame_finds_its_memory_there_unless_the_environment_says_more(by_hand):
    is_kept, fresh_pages = output_of(FRAMES, MALLOC_TRIM_THRESHOLD_=by_hand).split()
    assert is_kept == str(not by_hand)
    # Three pictures are 4,560 pages of 4 KiB; huge pages would be fewer.
    assert (float(fresh_pages) < 10) == (not by_hand)


HUGE_PAGES = """
import re
from array import array
from pathlib import Path
from rtformer_ros.processes.heap import (
    keep_frame_memory, limit_arenas, trim_heap, use_huge_pages
)

def is_for_huge_pages(address):
    is_there = False
    for line in Path('/proc/self/smaps').read_text().splitlines():
        area = re.match(r'([0-9a-f]+)-([0-9a-f]+) ', line)
        if area:
            is_there = int(area[1], 16) <= address < int(area[2], 16)
        elif is_there and line.startswith('VmFlags:'):
            return 'hg' in line.split()

def of_frame():
    # As messages hold it; NumPy asks for huge pages by itself.
    frame = array('B', bytes(1080 * 1920 * 3))
    return is_for_huge_pages(frame.buffer_info()[0] + len(frame) // 2)

limit_arenas()
keep_frame_memory()
print(use_huge_pages(), of_frame(), trim_heap(), use_huge_pages(), of_frame())
"""
TRANSPARENT = Path('/sys/kernel/mm/transparent_hugepage/enabled')
HAS_HUGE_PAGES = TRANSPARENT.exists() and '[never]' not in TRANSPARENT.read_text()


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
@pytest.mark.skipif(not HAS_HUGE_PAGES, reason='the kernel has no transparent huge pages')
@pytest.mark.parametrize('by_hand', ['', 'glibc.malloc.hugetlb=0'])
def test_frames_are_in_huge_pages_also_after_a_trim_unless_the_environment_says(by_hand):
    output = output_of(HUGE_PAGES, GLIBC_TUNABLES=by_hand)
    asked, is_first, _, asked_again, is_next = output.split()
    assert asked == is_first == asked_again == is_next == str(not by_hand)


FILLED = """
import mmap
from pathlib import Path
import threading
from rtformer_ros.processes.heap import keep_frame_memory, limit_arenas, use_huge_pages

def resident_mib():
    return int(Path('/proc/self/statm').read_text().split()[1]) * mmap.PAGESIZE / 2**20

limit_arenas()
keep_frame_memory()
start = resident_mib()
use_huge_pages(is_filled=IS_FILLED)
# What is taken meanwhile stays as it was written.
blocks = [number.to_bytes(4, 'big') * 50_000 for number in range(40)]
for thread in threading.enumerate():
    if thread.name == 'heap':
        thread.join()
whole = all(block == block[:4] * 50_000 for block in blocks)
print(whole, [int.from_bytes(block[:4], 'big') for block in blocks] == list(range(40)))
print(resident_mib() - start)
"""
LINUX = tuple(int(part) for part in platform.release().split('.')[:2])


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
@pytest.mark.skipif(not HAS_HUGE_PAGES, reason='the kernel has no transparent huge pages')
@pytest.mark.skipif(LINUX < (5, 14), reason='before Linux 5.14 pages cannot be had ahead of use')
@pytest.mark.parametrize('is_filled', [False, True])
def test_pages_are_there_ahead_of_use_and_keep_what_is_in_them(is_filled):
    program = FILLED.replace('IS_FILLED', str(is_filled))
    *intact, grown_mib = output_of(program).split()
    assert intact == ['True', 'True']
    # The blocks are 8 MiB, the room is 96.
    assert (float(grown_mib) > 80) == is_filled
