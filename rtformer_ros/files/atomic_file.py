# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Atomic file writes: nobody ever sees half of a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from rtformer_ros.errors import ModelError
from rtformer_ros.files.temporary import temporary_file


def write_atomically(path: Path, content: bytes) -> None:
    """
    Write `content` to a temporary file beside `path` and rename it to `path`.

    Folders that are missing are made; what a killed process left beside it is removed.
    Raises ModelError when the disk or its rights forbid it; an older file is then left as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path.parent, f'.{path.name}.') as (temporary, descriptor):
            with os.fdopen(descriptor, 'wb', closefd=False) as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error


def check_can_write(path: Path) -> None:
    """
    Raise ModelError where write_atomically would, before what takes long to compute.

    The folder of `path` is made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with temporary_file(path.parent, f'.{path.name}.'):
            pass
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> ModelError:
    return ModelError(
        f'cannot write {path}: {error}; choose a place that can be written and has space'
    )


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
