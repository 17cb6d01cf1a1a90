# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A bag file in sqlite3 that was not closed: a copy with its journal applied, or its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
import shutil
import sqlite3

RECOVERED_PREFIX = 'recovered_'
"""Names of recovered databases begin with it."""

# What SQLite leaves beside a database that was not closed, and reads when it is opened again.
_JOURNALS = ('-wal', '-journal')
_MOST_GAPS = 1000
_MESSAGES = (
    'CREATE TABLE messages '
    '(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)'
)


def has_journal(path: Path) -> bool:
    """Return whether changes to a database lie beside it, not in it."""
    return any(_is_filled(Path(f'{path}{suffix}')) for suffix in _JOURNALS)


def is_readable(path: Path) -> bool:
    """Return whether all messages of a database can be read."""
    try:
        with closing(sqlite3.connect(f'file:{path}?immutable=1', uri=True)) as database:
            for _ in database.execute('SELECT data FROM messages'):
                pass
            return True
    except sqlite3.Error:
        return False


def recover_sqlite(path: Path, folder: Path) -> Path:
    """
    Return a database with what can be read of another, which stays as it is.

    folder: where it is written, unless an earlier call did so. Raises OSError where it cannot be,
    sqlite3.Error where nothing can be read.
    """
    target = folder / f'{RECOVERED_PREFIX}{path.stem}_{_stamp(path)}.db3'
    if target.exists():
        return target
    working, rows = target.with_suffix('.working'), target.with_suffix('.rows')
    try:
        for suffix in ('', *_JOURNALS):
            source = Path(f'{path}{suffix}')
            if not suffix or _is_filled(source):
                shutil.copyfile(source, f'{working}{suffix}')
        if not _closes(working):
            rows.unlink(missing_ok=True)
            _copy_rows(working, rows)
            rows.replace(working)
        working.replace(target)
    finally:
        rows.unlink(missing_ok=True)
        for suffix in ('', *_JOURNALS, '-shm'):
            Path(f'{working}{suffix}').unlink(missing_ok=True)
    return target


def _is_filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _stamp(path: Path) -> str:
    """Return letters that differ when the file or its journals do."""
    found = [Path(f'{path}{suffix}') for suffix in ('', *_JOURNALS)]
    return '_'.join(
        f'{status.st_size:x}_{status.st_mtime_ns:x}'
        for status in (each.stat() for each in found if each.is_file())
    )


def _closes(path: Path) -> bool:
    """Apply the journals of a database; returns whether it is whole then."""
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute('PRAGMA journal_mode = DELETE')
            [[answer]] = database.execute('PRAGMA quick_check(1)')
            return bool(answer == 'ok')
    except sqlite3.Error:
        return False


def _copy_rows(path: Path, target: Path) -> None:
    """Write a database with the rows of another that can be read."""
    # Not even its journal: what of it could be applied has been.
    source = sqlite3.connect(f'file:{path}?immutable=1', uri=True)
    with closing(source), closing(sqlite3.connect(target)) as made, made:
        source.text_factory = lambda content: content.decode('utf-8', 'replace')
        # Else a database is refused whose file is shorter than it says.
        source.execute('PRAGMA writable_schema = ON')
        made.execute('PRAGMA journal_mode = OFF')
        made.execute(_MESSAGES)
        made.execute('CREATE INDEX timestamp_idx ON messages (timestamp ASC)')
        _copy_table(source, made, 'topics')
        # Without definitions it is as a bag of an older version, which has neither.
        with suppress(sqlite3.DatabaseError):
            _copy_table(source, made, 'message_definitions')
            _copy_table(source, made, 'schema')
        made.executemany('INSERT INTO messages VALUES (?, ?, ?, ?)', _messages(source))


def _copy_table(source: sqlite3.Connection, made: sqlite3.Connection, table: str) -> None:
    rows = source.execute(f'SELECT * FROM {table}')
    names = [str(column[0]).replace('"', '""') for column in rows.description]
    contents = rows.fetchall()
    columns = ', '.join(f'"{name}"' for name in names)
    made.execute(f'CREATE TABLE {table} ({columns})')
    made.executemany(f'INSERT INTO {table} VALUES ({", ".join("?" * len(names))})', contents)


def _messages(source: sqlite3.Connection) -> Iterator[tuple[int, int, int, bytes]]:
    """Return the messages that can be read, by id, and step over those that cannot."""
    last, gaps = -1, 0
    while gaps <= _MOST_GAPS:
        query = 'SELECT id, topic_id, timestamp, data FROM messages WHERE id > ? ORDER BY id'
        try:
            for row in source.execute(query, (last,)):
                yield row
                last = row[0]
            return
        except sqlite3.DatabaseError:
            last, gaps = last + 1, gaps + 1
