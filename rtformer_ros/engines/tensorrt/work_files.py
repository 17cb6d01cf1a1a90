"""Make files for two processes that leave nothing behind, whichever of them is killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rtformer_ros.errors import EngineError


@contextmanager
def nameless_file(content: bytes = b'') -> Iterator[IO[bytes]]:
    """Give a file that lives in memory where the system can, else on disk; never with a name."""
    in_memory = hasattr(os, 'memfd_create')
    descriptor = os.memfd_create('rtformer_ros') if in_memory else _unlinked_file()
    with os.fdopen(descriptor, 'w+b') as file:
        file.write(content)
        file.flush()
        yield file


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder for a process that may be killed, and remove it; raises EngineError."""
    try:
        folder = tempfile.TemporaryDirectory(prefix='rtformer_ros_', ignore_cleanup_errors=True)
    except OSError as error:
        raise EngineError(
            f'there is no place for temporary files: {error}; free space or set TMPDIR'
        ) from error
    with folder as name:
        yield Path(name)


def _unlinked_file() -> int:
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor
