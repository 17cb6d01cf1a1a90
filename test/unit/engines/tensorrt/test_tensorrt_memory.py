# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The compiler takes no more scratch memory than a board has to spare, and swap is advised."""

from pathlib import Path

import pytest
from rtformer_ros.engines.tensorrt.memory import fitting_workspace_mib, Memory, read_memory

# As a Jetson Orin Nano of 8 GB with its usual compressed swap has them, shortened.
MEMINFO = """MemTotal:        7802440 kB
MemFree:          912340 kB
MemAvailable:    4705732 kB
Hugetlb:               0 kB
"""
SWAPS = """Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/zram0                              partition\t650200\t\t0\t\t5
/dev/zram1                              partition\t650200\t\t0\t\t5
"""
FILE = '/swapfile                               file\t\t8388604\t\t0\t\t-2\n'


def proc(folder, meminfo=MEMINFO, swaps=SWAPS):
    (folder / 'meminfo').write_text(meminfo)
    (folder / 'swaps').write_text(swaps)
    return folder


def test_what_linux_says_is_read(tmp_path):
    assert read_memory(proc(tmp_path)) == Memory(7619, 4595, 0)
    assert read_memory(proc(tmp_path, swaps=SWAPS + FILE)) == Memory(7619, 4595, 8191)


def test_this_machine_has_memory():
    if not Path('/proc/meminfo').exists():
        pytest.skip('no Linux')
    memory = read_memory()
    assert 0 < memory.available_mib <= memory.total_mib


@pytest.mark.parametrize('meminfo', ['', 'MemTotal: 1 kB\n', 'MemTotal: much kB\n', 'MemTotal:\n'])
def test_what_cannot_be_read_is_unknown(tmp_path, meminfo):
    assert read_memory(proc(tmp_path, meminfo)) is None
    assert read_memory(tmp_path / 'none') is None


def test_without_swaps_there_is_none(tmp_path):
    proc(tmp_path)
    (tmp_path / 'swaps').unlink()
    assert read_memory(tmp_path).swap_mib == 0


@pytest.mark.parametrize(
    ('available_mib', 'asked_mib', 'expected_mib'),
    [(6000, 1024, 1024), (3584, 1024, 1024), (3072, 1024, 512), (900, 1024, 128), (900, 64, 64)],
)
def test_the_workspace_is_what_the_rest_leaves(available_mib, asked_mib, expected_mib):
    assert fitting_workspace_mib(asked_mib, Memory(7619, available_mib, 0)) == expected_mib


def test_a_gpu_with_memory_of_its_own_gets_what_was_asked(monkeypatch):
    monkeypatch.setattr('rtformer_ros.engines.tensorrt.memory.is_integrated', lambda: False)
    assert fitting_workspace_mib(1 << 20) == 1 << 20


def test_swap_is_advised_where_memory_is_small():
    advice = Memory(7619, 4595, 0).advice
    assert '7.4 GiB of memory, of which 4595 MiB are free, and no swap on disk; add' in advice
    assert 'sudo swapon /swapfile' in advice
    assert '100 MiB of swap on disk' in Memory(7619, 4595, 100).advice
    assert Memory(7619, 4595, 8191).advice == Memory(15800, 900, 0).advice == ''
