# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read small text files whose names come from users and peers."""

from __future__ import annotations

import errno
import os
from pathlib import Path
import stat
from typing import BinaryIO

from rtformer_ros.errors import ConfigError, shown_path

MOST_BYTES = 1 << 20
"""Of a text file; one with 255 classes has 25 000."""

_KINDS = {
    stat.S_IFDIR: 'a directory',
    stat.S_IFIFO: 'a pipe',
    stat.S_IFCHR: 'a device',
    stat.S_IFBLK: 'a device',
    stat.S_IFSOCK: 'a socket',
}


def open_regular(path: Path) -> BinaryIO:
    """
    Open a regular file to read bytes; never waits.

    Raises OSError for anything else, with a `strerror` that says what it is.
    """
    try:
        # Before it is opened: opening alone starts some devices.
        _check_regular(os.stat(path), path)  # noqa: PTH116
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError as error:
        raise OSError(errno.EINVAL, 'its name holds a null character', shown_path(path)) from error
    try:
        _check_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, 'rb')
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(status: os.stat_result, path: Path) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        text = f'it is {_KINDS.get(kind, "something else")}, not a regular file'
        raise OSError(errno.EINVAL, text, str(path))


def read_text(path: Path, what: str, most_bytes: int = MOST_BYTES) -> str:
    """
    Return the text of a regular UTF-8 file of at most `most_bytes` bytes.

    what: the kind of file, for errors ('label file'). Raises ConfigError, which quotes nothing
    of the content.
    """
    try:
        with open_regular(path) as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError(f'cannot read {_named(what, path)}: {error.strerror}') from error
    if len(content) > most_bytes:
        raise ConfigError(
            f'cannot read {_named(what, path)}: it has more than {most_bytes} bytes, the most '
            'that is read'
        )
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise ConfigError(
            f'cannot read {_named(what, path)}: line {line} is no UTF-8 text'
        ) from error


def _named(what: str, path: Path) -> str:
    return f'the {what} {shown_path(path)}'
