"""Keep the newest of what arrives until somebody is ready for it."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Mailbox(Generic[Item]):
    """
    A place for one item, where a newer one displaces an older one that nobody took.

    So a consumer that is too slow never falls behind: it skips. Thread-safe.
    """

    def __init__(self) -> None:
        """Start empty and open."""
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave an item; returns whether it displaced one. A closed mailbox ignores it."""
        with self._changed:
            if self._closed:
                return False
            displaced = self._item is not None
            self._item = item
            self._changed.notify()
            return displaced

    def take(self) -> Item | None:
        """Wait for an item and take it; None says that the mailbox was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Throw away what is there and let every `take` return None, now and later."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()
