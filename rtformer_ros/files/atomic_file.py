"""Atomic file writes: nobody ever sees half of a file."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from rtformer_ros.errors import ModelError


def write_atomically(path: Path, content: bytes) -> None:
    """
    Write `content` to a temporary file beside `path` and rename it to `path`.

    Folders that are missing are made. Raises ModelError when the disk or its rights forbid it;
    an older file is then left as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
        try:
            with os.fdopen(descriptor, 'wb') as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise ModelError(f'cannot write {path}: {error}; choose a writable place') from error


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
