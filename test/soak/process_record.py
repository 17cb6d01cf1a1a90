# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a process holds, sampled over a long run: memory, threads, file handles."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
import itertools
from pathlib import Path

_END = 2.0
"""A share after the last: the last round ends after its time."""
_EARLY, _LATE = (0.0, 0.2), (0.8, _END)


def starved_s(*process_ids: int) -> float:
    """Return how long the threads of processes have waited for a core so far, all together."""
    total_ns = 0
    for each in process_ids:
        for path in Path(f'/proc/{each}/task').glob('*/schedstat'):
            with suppress(OSError):
                total_ns += int(path.read_text().split()[1])
    return total_ns / 1e9


@dataclass(frozen=True)
class Sample:
    """At `share` of the run (0 to 1), in the state `state`: resident MiB, threads, open files."""

    share: float
    state: str
    resident_mib: float
    threads: int
    handles: int


@dataclass
class ProcessRecord:
    """Samples of one process."""

    process_id: int
    samples: list[Sample] = field(default_factory=list)

    def take(self, share: float, state: str) -> None:
        """Look at the process; what it holds is compared with what it held in the same state."""
        folder = Path(f'/proc/{self.process_id}')
        lines = (folder / 'status').read_text().splitlines()
        status = dict(line.split(':', 1) for line in lines if ':' in line)
        resident_mib = int(status['VmRSS'].split()[0]) / 1024
        handles = len(list((folder / 'fd').iterdir()))
        self.samples.append(Sample(share, state, resident_mib, int(status['Threads']), handles))

    @property
    def is_comparable(self) -> bool:
        """Return whether there is an early and a late sample of one state, and a first tenth."""
        early, late = ({each.state for each in self._part(*part)} for part in (_EARLY, _LATE))
        return bool(early & late and self._part(0, 0.1))

    def memory_growth(self) -> float:
        """Return the growth of memory after the first tenth, in shares of what it was then."""
        before = max(each.resident_mib for each in self._part(0, 0.1))
        return max(each.resident_mib for each in self._part(0.1, _END)) / before - 1

    def gained(self, name: str) -> int:
        """
        Return how much more of 'threads' or 'handles' there are at the end than early on.

        What is lost for good is in every sample from then on. A thread that is just ending, or a
        file that is just read, is in one.
        """
        gains = []
        for state in {each.state for each in self.samples}:
            early, late = (
                [int(getattr(each, name)) for each in self._part(*part) if each.state == state]
                for part in (_EARLY, _LATE)
            )
            if early and late:
                gains.append(min(late) - max(early))
        return max(gains)

    def memory_by_tenths(self) -> list[float]:
        """Return the highest resident memory of each tenth, in MiB."""
        ends = [*(n / 10 for n in range(10)), _END]
        parts = [self._part(first, last) for first, last in itertools.pairwise(ends)]
        return [max(each.resident_mib for each in part) for part in parts if part]

    def _part(self, first: float, last: float) -> list[Sample]:
        return [each for each in self.samples if first <= each.share <= last]
