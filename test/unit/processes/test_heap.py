# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Memory that was freed goes back to the system."""

from __future__ import annotations

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


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_freed_memory_goes_back():
    output = subprocess.run(
        [sys.executable, '-c', PROGRAM], check=True, capture_output=True, text=True
    ).stdout
    was_given, held_mib, left_mib = output.split()
    assert was_given == 'True'
    assert float(held_mib) > 90
    assert float(left_mib) < 10
