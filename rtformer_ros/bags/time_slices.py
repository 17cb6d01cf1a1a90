"""Cut a bag into pieces of time that are segmented one by one, in any order."""

from __future__ import annotations

from dataclasses import dataclass

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TimeSlice:
    """A piece of a bag: its number from 0 and its times in nanoseconds, stop_ns excluded."""

    index: int
    start_ns: int
    stop_ns: int

    @property
    def file_name(self) -> str:
        """Return the name of the file that holds what was made of it."""
        return f'slice_{self.index:06d}.sqlite'


def time_slices(start_ns: int, stop_ns: int, slice_s: float) -> list[TimeSlice]:
    """
    Return slices that cover every message from start_ns to stop_ns (excluded) exactly once.

    slice_s: seconds that each of them covers; the last is shorter.
    """
    step_ns = max(1, round(slice_s * _NS_PER_S))
    starts = range(start_ns, stop_ns, step_ns)
    return [
        TimeSlice(index, start, min(start + step_ns, stop_ns)) for index, start in enumerate(starts)
    ]
