# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
A long run of the node, in which everything happens to it that may: `make soak MINUTES=30`.

Not collected with the tests. One node process, real messages. It goes in 100 rounds, each with
other cameras: frames one after the other, between them messages that are broken, and meanwhile
models and parameters that change; then the node is led through its lifecycle. Every mask is
compared with what the closed form gives.
"""

from __future__ import annotations

import os
from pathlib import Path
import platform
import time

from process_record import ProcessRecord
from soak_run import CAMERAS, Soak

MINUTES = float(os.environ.get('SOAK_MINUTES', '10'))
LOG = os.environ.get('SOAK_LOG', '')
ROUNDS = 100

FIGURES = {
    'frames': 100_000,
    'fuzzed images': 20_000,
    'fuzzed compressed images': 20_000,
    'fuzzed calibrations': 20_000,
    'fuzzed depth images': 20_000,
    'swaps': 300,
    'parameter sets': 1_000,
    'lifecycle transitions': 300,
    'camera changes': 100,
}
"""What a run of half an hour on an idle machine should reach."""

FAULTS = ('wrong masks', 'lost frames', 'stalls', 'wrong answers')
GROWTH_LIMIT = 0.1
_MOST = 0.9


def test_soak(tmp_path, capfd):
    started_s, load = time.monotonic(), os.getloadavg()[0]
    soak, shown, round_s = Soak(tmp_path), 0, 60 * MINUTES / ROUNDS
    try:
        for number in range(ROUNDS):
            soak.run_round(number, started_s + round_s * (number + 1), round_s)
            share = (time.monotonic() - started_s) / (60 * MINUTES)
            soak.record.take(share, f'{number % len(CAMERAS)}, {number % 2}')
            if share > 1:
                break
            with capfd.disabled():
                print(
                    *soak.faults[shown:], f'round {number + 1} of {ROUNDS}', sep='\n', flush=True
                )
            shown = len(soak.faults)
    finally:
        soak.close()
        if LOG:
            Path(LOG).write_text(soak.node.output)
        minutes = (time.monotonic() - started_s) / 60
        with capfd.disabled():
            print('\n\n' + '\n'.join(table(soak, minutes, load)), flush=True)
    assert 'Traceback' not in soak.node.output
    assert soak.faults == []
    assert soak.record.is_comparable, 'too few rounds in that time; give more MINUTES'
    assert soak.record.memory_growth() < GROWTH_LIMIT
    assert soak.record.gained('threads') <= 0
    assert soak.record.gained('handles') <= 0


def table(soak: Soak, minutes: float, load: float) -> list[str]:
    """Return what was done and what came of it, in Markdown."""
    count, record = soak.count, soak.record
    loads = f'load average {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end'
    lines = [
        f'{minutes:.0f} minutes on {os.cpu_count()} cores ({platform.machine()}), {loads}',
        '',
        '| what | done | figure to reach |',
        '|---|---|---|',
        *(f'| {name} | {count[name]} | {figure} |' for name, figure in FIGURES.items()),
        '',
        '| what came of it | count |',
        '|---|---|',
        f'| masks, all compared | {count["masks"]} |',
        *(f'| {name} | {count[name]} |' for name in FAULTS),
        f'| over 1 s because no core was free | {count["waits for a core"]} |',
        f'| refused as malformed | {count["dropped: malformed"]} |',
        f'| overtaken by a newer frame | {count["dropped: newer frame"]} |',
        f'| slowest mask (ms) | {count["slowest ms"]} |',
        *(f'| other outputs: {name} | {number} |' for name, number in soak.outputs.items()),
        f'| log (kB) | {len(soak.node.output) // 1000} |',
    ]
    if record.samples and record.samples[-1].share > _MOST and record.is_comparable:
        lines += growth_rows(record)
    return lines


def growth_rows(record: ProcessRecord) -> list[str]:
    memory = ', '.join(f'{each:.0f}' for each in record.memory_by_tenths())
    return [
        f'| memory by tenths (MiB) | {memory} |',
        f'| growth after the first tenth | {100 * record.memory_growth():.1f} % |',
        *(f'| {each} gained | {record.gained(each):+d} |' for each in ('threads', 'handles')),
    ]
