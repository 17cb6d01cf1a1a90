# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Keep-last queue: what a slow consumer misses is the older, never the newest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
import threading
import time
from typing import Generic, TypeVar

Source = TypeVar('Source', bound=Hashable)
Item = TypeVar('Item')

# A source that was silent for longer is not waited for.
_ALIVE_S = 1.0
# The consumer needs the interpreter, which the producer would keep until it is asked for it: half
# a millisecond in every frame's latency. Long enough to wake a thread, and nothing waits for it.
_HAND_OVER_S = 0.0002
# A producer that came back sooner would take turns with the consumer while that prepares the
# message, which costs it 0.3 ms at 1920x1080; with one source there is nothing else to receive.
_ONLY_SOURCE_HAND_OVER_S = 0.0025


@dataclass
class _Slot(Generic[Item]):
    """Slot of one source; put_s: when its last message came."""

    item: Item | None = None
    put_s: float = float('-inf')


class LatestQueue(Generic[Source, Item]):
    """
    Queue that keeps the last message of each source (keep-last 1); thread-safe, one consumer.

    A consumer that is too slow never falls behind: it skips, and of all sources alike, since the
    source whose last turn is longest ago comes first (round robin).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start open and without sources; `clock` returns seconds and never goes back."""
        self._clock = clock
        self._changed = threading.Condition()
        # In the order of their last turns, the longest ago first.
        self._slots: OrderedDict[Source, _Slot[Item]] = OrderedDict()
        self._closed = False
        self._consumer_waits = False

    def __len__(self) -> int:
        """Return the number of sources."""
        return len(self._slots)

    def add_source(self, source: Source) -> None:
        """Accept messages of a source."""
        with self._changed:
            self._slots.setdefault(source, _Slot())

    def remove_source(self, source: Source) -> None:
        """Discard the message of a source, and ignore it from now on."""
        with self._changed:
            self._slots.pop(source, None)
            self._changed.notify()

    def put(self, source: Source, item: Item) -> bool:
        """
        Put a message; returns whether it displaced one.

        That of an unknown source, or after `close`, is ignored. To a consumer that waits, the
        interpreter is handed over with it.
        """
        with self._changed:
            slot = self._slots.get(source)
            if slot is None or self._closed:
                return False
            displaced = slot.item is not None
            slot.item, slot.put_s = item, self._clock()
            self._changed.notify()
            hand_over = self._consumer_waits
            is_only_source = len(self._slots) == 1
        if hand_over:
            time.sleep(_ONLY_SOURCE_HAND_OVER_S if is_only_source else _HAND_OVER_S)
        return displaced

    def get(self, most: int = 1, wait_s: float = 0.0) -> list[tuple[Source, Item]]:
        """
        Wait for a message and take up to `most`, one of each source; [] once it is closed.

        wait_s: how long a message may wait for those of other sources, as long as there are fewer
        than `most` and sources that were heard of lately have none.
        """
        with self._changed:
            taken: list[tuple[Source, Item]] = []
            while not taken and not self._closed:
                self._consumer_waits = True
                self._changed.wait_for(lambda: self._closed or self._waiting())
                self._consumer_waits = False
                if wait_s > 0.0 and most > 1:
                    self._wait_for_others(most, wait_s)
                taken = [] if self._closed else self._waiting()[:most]
            for source, _ in taken:
                self._slots[source].item = None
                self._slots.move_to_end(source)
            return taken

    def close(self) -> None:
        """Discard all messages and let every `get` return nothing, now and later."""
        with self._changed:
            self._closed = True
            self._slots.clear()
            self._changed.notify_all()

    def _waiting(self) -> list[tuple[Source, Item]]:
        return [
            (source, slot.item) for source, slot in self._slots.items() if slot.item is not None
        ]

    def _wait_for_others(self, most: int, wait_s: float) -> None:
        put_s = [slot.put_s for slot in self._slots.values() if slot.item is not None]
        if put_s:
            timeout_s = min(put_s) + wait_s - self._clock()
            self._changed.wait_for(lambda: self._is_complete(most), max(0.0, timeout_s))

    def _is_complete(self, most: int) -> bool:
        now_s = self._clock()
        slots = self._slots.values()
        alive = sum(slot.item is not None or now_s - slot.put_s < _ALIVE_S for slot in slots)
        return self._closed or len(self._waiting()) >= min(most, alive)
