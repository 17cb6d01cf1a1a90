# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Slice files (SQLite): what was made of a slice of a bag, in a file that is whole or absent."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
import os
from pathlib import Path
import sqlite3

from rtformer_ros.errors import ConfigError

_TABLE = 'CREATE TABLE made (topic TEXT, number INTEGER, output TEXT, data BLOB)'
_INDEX = 'CREATE INDEX by_source ON made (topic, number)'
# The most that SQLite takes.
_PAGE_BYTES = 1 << 16

Kind = tuple[str, str]
"""Topic of the images and name of the output made of them."""


@dataclass(frozen=True)
class MadeMessage:
    """
    A message made from an image of a slice.

    topic, number: the image's topic and its number on it within the slice, from 0. output: name of
    the output. data: the message in CDR.
    """

    topic: str
    number: int
    output: str
    data: bytes


def write_slice(path: Path, messages: Iterable[MadeMessage]) -> None:
    """
    Write the messages of a slice; the file appears when all are in it.

    Raises ConfigError where it cannot be written. What `messages` raises is passed on.
    """
    partial = path.with_name(f'{path.name}.{os.getpid()}')
    try:
        with closing(sqlite3.connect(partial)) as database, database:
            database.execute('PRAGMA journal_mode = OFF')
            # A picture on few, large pages is written and read in half the time.
            database.execute(f'PRAGMA page_size = {_PAGE_BYTES}')
            database.execute(_TABLE)
            rows = ((m.topic, m.number, m.output, m.data) for m in messages)
            database.executemany('INSERT INTO made VALUES (?, ?, ?, ?)', rows)
            database.execute(_INDEX)
        partial.replace(path)
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f'{path} cannot be written: {error}') from error
    finally:
        partial.unlink(missing_ok=True)


def kinds_made(path: Path) -> set[Kind]:
    """Return the kinds of a finished slice's messages; raises ConfigError as SliceFile does."""
    with SliceFile(path) as made:
        return made.kinds()


class SliceFile:
    """A finished slice, to look things up in; close it, or use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        """Open the file; raises ConfigError where it is missing or broken."""
        try:
            self._database = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
            self._path = path
            self.made('', 0)
        except sqlite3.Error as error:
            raise ConfigError(f'{path} cannot be read: {error}; remove it and start again') from (
                error
            )

    def made(self, topic: str, number: int) -> list[tuple[str, bytes]]:
        """Return output name and CDR bytes of all that was made from an image."""
        query = 'SELECT output, data FROM made WHERE topic = ? AND number = ? ORDER BY rowid'
        return list(self._database.execute(query, (topic, number)))

    def kinds(self) -> set[Kind]:
        """Return the kinds of its messages."""
        return set(self._database.execute('SELECT DISTINCT topic, output FROM made'))

    def __enter__(self) -> SliceFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._database.close()
