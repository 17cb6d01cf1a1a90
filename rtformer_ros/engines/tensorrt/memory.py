# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Memory of this machine: what of it the compiler may take, and what helps where it is short."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rtformer_ros.engines.tensorrt.device import is_integrated

# What TensorRT 8.6 took beside its workspace on an Orin NX, by its own log: 1154 MiB of the CPU's
# and 1310 MiB of the GPU's memory, which there are one.
_BESIDE_WORKSPACE_MIB = 2560
_LEAST_WORKSPACE_MIB = 128
# A board of 8 GB says that it has about 7.4 GiB.
_SMALL_MIB = 8192
_ADVISED_SWAP_MIB = 4096
_ADD_SWAP = (
    'sudo fallocate -l 8G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && '
    'sudo swapon /swapfile'
)


@dataclass(frozen=True)
class Memory:
    """
    What there is, in MiB.

    swap_mib: on disks; what Linux compresses in memory itself (zram) does not count.
    """

    total_mib: int
    available_mib: int
    swap_mib: int

    @property
    def advice(self) -> str:
        """Return what to do before a model is compiled, '' where there is enough of all."""
        if self.total_mib > _SMALL_MIB or self.swap_mib >= _ADVISED_SWAP_MIB:
            return ''
        swap = f'{self.swap_mib} MiB of swap' if self.swap_mib else 'no swap'
        return (
            f'this machine has {self.total_mib / 1024:.1f} GiB of memory, of which '
            f'{self.available_mib} MiB are free, and {swap} on disk; add some: {_ADD_SWAP}'
        )


def read_memory(folder: Path = Path('/proc')) -> Memory | None:
    """Return what Linux says in `meminfo` and `swaps` of a folder, None where it does not."""
    try:
        lines = (folder / 'meminfo').read_text(encoding='utf-8').splitlines()
        sizes = {name: int(rest.split()[0]) for name, _, rest in (s.partition(':') for s in lines)}
        total_mib, available_mib = (sizes[name] // 1024 for name in ('MemTotal', 'MemAvailable'))
    except (OSError, ValueError, IndexError, KeyError):
        return None
    return Memory(total_mib, available_mib, _disk_swap_mib(folder / 'swaps'))


def fitting_workspace_mib(asked_mib: int, memory: Memory | None = None) -> int:
    """
    Return the workspace, in MiB, that leaves TensorRT the rest of what it needs.

    Where the GPU has memory of its own it is what was asked. memory: None for that of a GPU which
    shares it, as it is now.
    """
    if memory is None:
        memory = shared_memory()
    if memory is None:
        return asked_mib
    spare_mib = memory.available_mib - _BESIDE_WORKSPACE_MIB
    return min(asked_mib, max(spare_mib, _LEAST_WORKSPACE_MIB))


def shared_memory() -> Memory | None:
    """Return the memory that CPU and first GPU share, None where they do not."""
    return read_memory() if is_integrated() else None


def _disk_swap_mib(path: Path) -> int:
    kib = 0
    with suppress(OSError, ValueError, IndexError):
        for line in path.read_text(encoding='utf-8').splitlines()[1:]:
            name, _, size, *_ = line.split()
            kib += 0 if '/zram' in name else int(size)
    return kib // 1024
