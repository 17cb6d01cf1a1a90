"""Let one run at a time work on an output bag; the hold ends with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtformer_ros.errors import ConfigError


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
