"""Let one process at a time build a plan; the lock dies with the process that holds it."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtformer_ros.errors import ConfigError

_logger = logging.getLogger(__name__)
_POLL_S = 0.2


@contextmanager
def only_one(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """
    Hold the lock of a file while the block runs; wait for another holder as long as it takes.

    path: the lock's file, which stays. on_wait: called several times a second while another holds
    it; what it raises ends the waiting. Where the file system gives no lock, the block runs all
    the same: files are replaced whole, so that two builders only waste time.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        _logger.debug('no lock %s: %s', path, error)
        yield
        return
    try:
        while not _is_taken(descriptor):
            on_wait()
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    """Try to take the lock; return whether the block may run."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _logger.debug('the file system gives no lock: %s', error)
    return True


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """
    Make a work folder where there is none, and keep other runs from it while the block runs.

    A folder that is empty in the end is removed. Raises ConfigError where another run has it, or
    it cannot be written. File systems without locks let every run in.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f'{folder} cannot be written: {error}') from error
    try:
        _take(descriptor, folder)
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(
            f'another run works in {folder}; wait for it, or choose another output'
        ) from error
    except OSError:
        return
