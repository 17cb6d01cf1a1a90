# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CPU features: the instructions for reduced precision that the processor of this machine has."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

# Names as in /proc/cpuinfo, of x86 and of ARM.
_BF16 = frozenset({'avx512_bf16', 'amx_bf16'})
_INT8 = frozenset({'avx512_vnni', 'avx_vnni', 'amx_int8', 'asimddp'})
_WIDE = frozenset({'avx2', 'avx512f', 'asimd'})


def cpu_flags(cpuinfo: Path = Path('/proc/cpuinfo')) -> frozenset[str]:
    """Return the feature flags of the first processor; none where the system does not say."""
    try:
        lines = cpuinfo.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(':')
        if key.strip() in ('flags', 'Features'):
            return frozenset(value.split())
    return frozenset()


def computes_bf16(flags: Set[str]) -> bool:
    """Return whether an x86 processor multiplies matrices of bfloat16."""
    return not _BF16.isdisjoint(flags)


def computes_int8(flags: Set[str]) -> bool:
    """Return whether a processor sums products of bytes in one instruction, without overflow."""
    return not _INT8.isdisjoint(flags)


def describe_flags(flags: Set[str]) -> str:
    """Return the features that decide on speed here, for people: 'avx2, avx512_vnni'."""
    return ', '.join(sorted(flags & (_BF16 | _INT8 | _WIDE))) or 'unknown features'
