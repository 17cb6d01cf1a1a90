# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Temporary files and folders beside what they become, which a killed process does not leave for
ever.

Who makes one holds its lock (flock), which ends with the process. The next one to write there
removes those that nobody holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import fcntl
import os
from pathlib import Path
import shutil
import tempfile


@contextmanager
def temporary_file(folder: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """
    Make a file in a folder, and yield its path and a descriptor to write to.

    prefix: of its name, and of those without a holder, which are removed first. The file is
    removed when the block ends, unless it was renamed. Raises OSError.
    """
    _remove_leftovers(folder, prefix)
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        if _is_held(name, descriptor):
            break
    try:
        yield Path(name), descriptor
    finally:
        with suppress(OSError):
            Path(name).unlink()
        os.close(descriptor)


@contextmanager
def temporary_folder(folder: Path, prefix: str) -> Iterator[Path]:
    """Make a folder in another one; all else is as with `temporary_file`."""
    _remove_leftovers(folder, prefix)
    while True:
        name = tempfile.mkdtemp(dir=folder, prefix=prefix)
        try:
            descriptor = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if _is_held(name, descriptor):
            break
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        os.close(descriptor)


def _is_held(name: str, descriptor: int) -> bool:
    """Take the lock; False, with the file closed, where another process removed it before that."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), Path(name).stat()):
            return True
    os.close(descriptor)
    return False


def _remove_leftovers(folder: Path, prefix: str) -> None:
    for path in folder.iterdir():
        if path.name.startswith(prefix):
            with suppress(OSError):
                _remove_if_free(path)


def _remove_if_free(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)
