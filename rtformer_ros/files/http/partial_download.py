# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Partial download: the bytes that have come, and which version of the file they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path
from typing import Any, IO

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.text_file import read_text


@dataclass(frozen=True)
class Version:
    """
    What a server says of a file, so that one can tell whether it is still the same.

    etag, last_modified: the headers of that name, as they came. total: its bytes.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None

    @property
    def validator(self) -> str | None:
        """Return what If-Range takes: a strong ETag, else the date; None without either."""
        if self.etag and not self.etag.startswith('W/'):
            return self.etag
        return self.last_modified

    def continues(self, earlier: Version) -> bool:
        """Tell whether this answer to a range request is of the version that came earlier."""
        mine, others = (self.etag, self.last_modified), (earlier.etag, earlier.last_modified)
        # A partial answer may leave out what the request named already.
        if any(a and b and a != b for a, b in zip(mine, others, strict=True)):
            return False
        return None in (self.total, earlier.total) or self.total == earlier.total


class PartialDownload:
    """
    The files NAME.part (the bytes) and NAME.part.json (their version) beside a target.

    The file NAME.part must exist, and be locked, while this is used; see download().
    """

    def __init__(self, target: Path) -> None:
        """Name the files; nothing is read or written yet."""
        self._target = target
        self.content = target.with_name(f'{target.name}.part')
        self._description = target.with_name(f'{target.name}.part.json')

    @property
    def size(self) -> int:
        """Return how many bytes have come."""
        return self.content.stat().st_size

    def version(self, url: str) -> Version:
        """Return the version that the bytes are of, one without a validator if it is not known."""
        try:
            text = read_text(self._description, 'version of a download')
            saved: Any = parse_json(text, str(self._description))
            version = Version(**saved)
        except (ConfigError, TypeError):
            return Version(url)
        return version if version.url == url else Version(url)

    def clear(self) -> None:
        """Forget all bytes."""
        self._description.unlink(missing_ok=True)
        os.truncate(self.content, 0)

    @contextmanager
    def opened(self, version: Version) -> Iterator[IO[bytes]]:
        """Open the bytes to append to them; they are on the disk when the block is left."""
        # Before the bytes, so that these are never taken for those of another version.
        self._description.write_text(json.dumps(asdict(version)), encoding='utf-8')
        with self.content.open('ab') as file:
            try:
                yield file
            finally:
                file.flush()
                os.fsync(file.fileno())

    def finish(self) -> None:
        """Give the bytes their final name."""
        self.content.replace(self._target)
        self._description.unlink(missing_ok=True)
