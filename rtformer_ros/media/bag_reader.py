# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 bags opened to read, also those that were cut off; rosbags' exceptions end here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from functools import cache
import importlib
from itertools import islice
import logging
from pathlib import Path
import sqlite3
import struct
from tempfile import TemporaryDirectory
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError, ImageError, pip_install, shown, shown_path
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.media.recovery.bag_files import (
    bag_files,
    damaged_parts,
    METADATA,
    packed_files,
    recover_file,
    unclosed,
)
from rtformer_ros.media.recovery.zstandard import decompressed, unpacked_file, ZSTD_MAGIC

if TYPE_CHECKING:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader
    from rosbags.typesys.store import Typestore

_logger = logging.getLogger(__name__)

# Of the libraries that rosbags reads with.
_LIBRARY_ERRORS = (
    ('apsw', 'Error'),
    ('backports.zstd', 'ZstdError'),
    ('compression.zstd', 'ZstdError'),
)
_REASON_CHARACTERS = 255
_LATEST_NS = (1 << 63) - 1

RawMessage = tuple['Connection', int, bytes]
"""Where a message is from, when it was recorded (ns), and its bytes in CDR."""


@cache
def message_types() -> Typestore:
    """Return the definitions of ROS 2's own messages."""
    from rosbags.typesys import get_typestore, Stores

    return get_typestore(Stores.LATEST)


class BagReader:
    """
    A bag opened to read, in a `with` block: all of it, or what is whole of one that was cut off.

    losses: sentences on what is missing; none for a whole bag.
    """

    def __init__(
        self, path: Path, *, is_strict: bool = False, work_folder: Path | None = None
    ) -> None:
        """
        Name a bag: its folder or its only file.

        is_strict: refuse one that is not whole. work_folder: where a database that was not closed
        is copied to, once for all readers; None for a folder of this reader's own.
        """
        self.losses: list[str] = []
        self._path = path
        self._is_strict = is_strict
        self._work_folder = work_folder
        self._stack, self._kept = ExitStack(), ExitStack()
        self._readers: list[Reader] = []
        # Those whose messages are compressed one by one.
        self._compressed: list[Reader] = []
        self._known: dict[tuple[str, str, str], Connection] = {}
        # By file: the starts of chunks that turned out to be damaged.
        self._left_out: dict[Path, set[int]] = {}

    @property
    def connections(self) -> list[Connection]:
        """Return the topics of the bag, with the number of messages on each."""
        return list(self._known.values())

    @property
    def start_time(self) -> int:
        """Return the time of the first message, in nanoseconds."""
        return min(reader.start_time for reader in self._readers)

    @property
    def end_time(self) -> int:
        """Return the nanosecond after the last message."""
        return max(reader.end_time for reader in self._readers)

    def messages(
        self,
        connections: Sequence[Connection] = (),
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[RawMessage]:
        """
        Return the messages of some topics, of all for (), recorded from `start` to before `stop`.

        What turns out to be damaged is left out, and the log says so. Raises ImageError where a
        strict reader finds damage, or where damage cannot be told from the rest.
        """
        done = 0
        while True:
            try:
                for message in islice(self._read(connections, start, stop), done, None):
                    yield message
                    done += 1
                return
            except _foreign_errors() as error:
                if self._is_strict or not self._leave_out_damaged(start, stop):
                    raise self._refused(_text(error)) from error

    def deserialize(self, data: bytes, message_type: str) -> Any:
        """Return a message of one of ROS 2's own types; raises ImageError where it is broken."""
        try:
            return message_types().deserialize_cdr(data, message_type)
        except _foreign_errors() as error:
            raise ImageError(f'its bytes are no {message_type}: {shown(str(error))}') from error

    def __enter__(self) -> BagReader:
        """Open the bag; raises ImageError where there is none, ConfigError without rosbags."""
        try:
            from rosbags.rosbag2 import Reader
        except ImportError as error:
            raise ConfigError(
                f'the bag {self._path} needs the Python package rosbags: {pip_install("rosbags")}'
            ) from error
        try:
            try:
                _check_closed(self._path)
                self._add(Reader(self._path))
            except _foreign_errors() as error:
                if self._is_strict or not self._open_files(_text(error)):
                    raise self._refused(_text(error)) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bag."""
        self._close()
        self._kept.close()

    # ---- what is read --------------------------------------------------------------------------

    def _read(
        self, connections: Sequence[Connection], start: int | None, stop: int | None
    ) -> Iterator[RawMessage]:
        wanted = {_key(each) for each in connections} or self._known.keys()
        for reader in self._readers:
            own = [each for each in reader.connections if _key(each) in wanted]
            ours = {each.id: self._known[_key(each)] for each in own}
            if own:
                for connection, time_ns, stored in reader.messages(own, start, stop):
                    is_packed = reader in self._compressed or stored[:4] == ZSTD_MAGIC
                    try:
                        data = decompressed(stored) if is_packed else stored
                    except ValueError as error:
                        self._leave_out_message(connection.topic, time_ns, error)
                        continue
                    yield ours[connection.id], time_ns, data

    def _leave_out_message(self, topic: str, time_ns: int, error: ValueError) -> None:
        reason = f'{topic}: the message of {time_ns} ns cannot be decompressed: {_text(error)}'
        if self._is_strict:
            raise ImageError(f'{shown_path(self._path)}: {reason}') from error
        _logger.warning('%s; it is left out', reason)

    def _add(self, reader: Reader) -> None:
        self._open(reader)
        for each in reader.connections:
            known = self._known.get(_key(each))
            count = each.msgcount + (known.msgcount if known else 0)
            number = known.id if known else len(self._known) + 1
            self._known[_key(each)] = (known or each)._replace(id=number, msgcount=count)

    def _open(self, reader: Reader) -> None:
        self._stack.enter_context(reader)
        self._readers.append(reader)
        if reader.compression_mode == 'message':
            # rosbags would end at the first message that is broken.
            reader.storage.metadata = reader.storage.metadata._replace(compression_mode=None)
            self._compressed.append(reader)

    def _close(self) -> None:
        self._readers.clear()
        self._compressed.clear()
        with suppress(*_foreign_errors()):
            self._stack.close()

    # ---- what was not closed, or is damaged ----------------------------------------------------

    def _open_files(self, reason: str) -> bool:
        """
        Open what is whole of the files of a bag; returns whether there are any.

        Raises ImageError where no topic is left in them.
        """
        losses = []
        for path in self._files():
            try:
                reader, loss = self._reader_of(path)
                self._add(reader)
            except _foreign_errors() as error:
                loss = f'{shown_path(path)} cannot be read at all ({_text(error)})'
            losses.append(loss)
        if not losses or not self._path.exists():
            return False
        if not self._known:
            lost = '; '.join(filter(None, losses)) or 'no topic is in it'
            raise self._refused(f'{reason}, and nothing of it can be recovered: {lost}')
        count = sum(each.msgcount for each in self.connections)
        self.losses = [
            f'{shown_path(self._path)} was not closed properly ({reason}): {count} messages up to '
            f'{_moment(self.end_time - 1)} are read',
            *filter(None, losses),
        ]
        return True

    def _reader_of(self, path: Path) -> tuple[Reader, str]:
        """Return a reader of what is whole of a file, and what is lost of it."""
        from rosbags.rosbag2 import Reader

        if not unclosed(path) and path not in self._left_out:
            # Opened here to see whether it can be.
            with suppress(*_foreign_errors()), Reader(path):
                return Reader(path), ''
        recovered = recover_file(path, self._folder(), self._left_out.get(path, ()))
        return Reader(recovered.source), recovered.loss

    def _files(self) -> list[Path]:
        """Return the files of the bag; of compressed ones what can be unpacked."""
        found = bag_files(self._path)
        return found or [unpacked_file(each, self._folder()) for each in packed_files(self._path)]

    def _folder(self) -> Path:
        if self._work_folder is None:
            self._work_folder = Path(self._kept.enter_context(TemporaryDirectory()))
        return self._work_folder

    def _leave_out_damaged(self, start: int | None, stop: int | None) -> bool:
        """Open the files anew without what of that span is damaged; returns whether it is any."""
        span = (0 if start is None else start, _LATEST_NS if stop is None else stop)
        found = False
        for path in self._files():
            damaged = damaged_parts(path, *span) - self._left_out.get(path, set())
            if damaged:
                found = True
                self._left_out.setdefault(path, set()).update(damaged)
        if found:
            self._close()
            for path in self._files():
                with suppress(*_foreign_errors()):
                    reader, loss = self._reader_of(path)
                    self._open(reader)
                    if loss:
                        _logger.warning('%s', loss)
        return found

    def _refused(self, reason: str) -> ImageError:
        # A folder that cannot be listed has a reason of its own.
        with suppress(OSError):
            parts = [*bag_files(self._path), *packed_files(self._path)]
            if self._path.is_dir() and not (parts or (self._path / 'metadata.yaml').exists()):
                reason = 'expected a folder with metadata.yaml and .mcap or .db3 files'
        return ImageError(f'{shown_path(self._path)} cannot be read as a ROS 2 bag: {reason}')


def _check_closed(path: Path) -> None:
    """Raise ConfigError for a bag that was not closed, or whose description is no plain data."""
    reason = unclosed(path)
    if reason:
        raise ConfigError(reason)
    if (path / METADATA).exists():
        read_yaml(path / METADATA, 'description of a bag')


def _key(connection: Connection) -> tuple[str, str, str]:
    """Return what makes connections of several files one."""
    return connection.topic, connection.msgtype, repr(connection.ext)


def _moment(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns * 1e-9, timezone.utc).isoformat(timespec='seconds')
    except (OverflowError, ValueError, OSError):
        return f'{time_ns} ns'


def _text(error: Exception) -> str:
    return shown(str(error) or type(error).__name__, _REASON_CHARACTERS)


def _foreign_errors() -> tuple[type[Exception], ...]:
    """Return what rosbags raises for files that are not as they should be, in any version."""
    from rosbags.rosbag2 import ReaderError
    from rosbags.serde import SerdeError

    found: list[type[Exception]] = [ReaderError, SerdeError, sqlite3.Error, struct.error]
    for module, name in _LIBRARY_ERRORS:
        with suppress(ImportError):
            found.append(getattr(importlib.import_module(module), name))
    plain = (OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError)
    return (*found, *plain, AssertionError, EOFError, MemoryError)
