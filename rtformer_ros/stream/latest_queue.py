"""Keep the newest of what each of several senders leaves until somebody is ready for it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Sender = TypeVar('Sender', bound=Hashable)
Item = TypeVar('Item')

# A sender that was silent for longer is not waited for.
_ALIVE_S = 1.0


@dataclass
class _Place(Generic[Item]):
    """Where one sender's item lies; left_s: when the last one came."""

    item: Item | None = None
    left_s: float = float('-inf')


class Mailbox(Generic[Sender, Item]):
    """
    A place for one item of each sender, where a newer one displaces an older one that nobody took.

    So a consumer that is too slow never falls behind: it skips, and of all senders alike, since
    the sender whose last turn is longest ago comes first. Thread-safe, for one consumer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start open and without senders; `clock` returns seconds and never goes back."""
        self._clock = clock
        self._changed = threading.Condition()
        # In the order of their last turns, the longest ago first.
        self._places: OrderedDict[Sender, _Place[Item]] = OrderedDict()
        self._closed = False

    def __len__(self) -> int:
        """Return the number of senders."""
        return len(self._places)

    def admit(self, sender: Sender) -> None:
        """Make a place for a sender."""
        with self._changed:
            self._places.setdefault(sender, _Place())

    def dismiss(self, sender: Sender) -> None:
        """Throw away what a sender left, and ignore it from now on."""
        with self._changed:
            self._places.pop(sender, None)
            self._changed.notify()

    def put(self, sender: Sender, item: Item) -> bool:
        """Leave an item; returns whether it displaced one. Strangers and later ones are ignored."""
        with self._changed:
            place = self._places.get(sender)
            if place is None or self._closed:
                return False
            displaced = place.item is not None
            place.item, place.left_s = item, self._clock()
            self._changed.notify()
            return displaced

    def take(self, most: int = 1, wait_s: float = 0.0) -> list[tuple[Sender, Item]]:
        """
        Wait for an item and take up to `most`, one of each sender; none says it was closed.

        wait_s: how long an item may wait for those of other senders, as long as there are fewer
        than `most` and senders that were heard of lately have none.
        """
        with self._changed:
            taken: list[tuple[Sender, Item]] = []
            while not taken and not self._closed:
                self._changed.wait_for(lambda: self._closed or self._waiting())
                if wait_s > 0.0 and most > 1:
                    self._wait_for_others(most, wait_s)
                taken = [] if self._closed else self._waiting()[:most]
            for sender, _ in taken:
                self._places[sender].item = None
                self._places.move_to_end(sender)
            return taken

    def close(self) -> None:
        """Throw away what is there and let every `take` return nothing, now and later."""
        with self._changed:
            self._closed = True
            self._places.clear()
            self._changed.notify_all()

    def _waiting(self) -> list[tuple[Sender, Item]]:
        return [
            (sender, place.item) for sender, place in self._places.items() if place.item is not None
        ]

    def _wait_for_others(self, most: int, wait_s: float) -> None:
        lying_s = [place.left_s for place in self._places.values() if place.item is not None]
        if lying_s:
            timeout_s = min(lying_s) + wait_s - self._clock()
            self._changed.wait_for(lambda: self._is_complete(most), max(0.0, timeout_s))

    def _is_complete(self, most: int) -> bool:
        now_s = self._clock()
        places = self._places.values()
        alive = sum(place.item is not None or now_s - place.left_s < _ALIVE_S for place in places)
        return self._closed or len(self._waiting()) >= min(most, alive)
