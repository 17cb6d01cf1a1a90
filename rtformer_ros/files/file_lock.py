# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Advisory file locks (flock): one holder at a time, released when its process ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import fcntl
import logging
import os
from pathlib import Path
import time

from rtformer_ros.errors import ConfigError

_logger = logging.getLogger(__name__)
_POLL_S = 0.2


@contextmanager
def wait_for_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """
    Hold the lock of a file while the block runs; wait for another holder as long as it takes.

    path: a file that is there for the lock alone, made if need be, and stays. on_wait: called
    several times a second while another process holds it; what it raises ends the waiting.
    For work that is only wasted when done twice: the block runs without a lock where the file
    cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        _logger.debug('no lock %s: %s', path, error)
        yield
        return
    try:
        while not _is_granted(descriptor):
            on_wait()
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def take_lock(path: Path, refusal: str) -> Iterator[None]:
    """
    Hold the lock of a folder or file while the block runs; fail at once where another holds it.

    path: a folder that is there, or a file, which is made if need be. Raises ConfigError with
    `refusal` as its message while another process holds the lock, and OSError where the path
    cannot be opened.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags, 0o666)
    try:
        if not _is_granted(descriptor):
            raise ConfigError(refusal)
        yield
    finally:
        os.close(descriptor)


def _is_granted(descriptor: int) -> bool:
    """Try to lock an open file; a file system that knows no locks grants all of them."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _logger.debug('the file system gives no lock: %s', error)
    return True
