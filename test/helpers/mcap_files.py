# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write bags in mcap as robots do, in the forms that the format allows: https://mcap.dev/spec."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
import struct
from typing import Literal
import zlib

import lz4.frame

try:
    from compression import zstd
except ImportError:
    from backports import zstd

MAGIC = b'\x89MCAP0\r\n'
Compression = Literal['', 'lz4', 'zstd']


@dataclass(frozen=True)
class Form:
    """
    How a file is written.

    chunk_messages: messages a chunk, 0 for no chunks. has_index, has_crc: of each chunk.
    """

    chunk_messages: int = 10
    compression: Compression = ''
    has_index: bool = True
    has_crc: bool = True


def record(opcode: int, *content: bytes) -> bytes:
    whole = b''.join(content)
    return struct.pack('<BQ', opcode, len(whole)) + whole


def text(value: str) -> bytes:
    return struct.pack('<I', len(value.encode())) + value.encode()


@dataclass(frozen=True)
class Written:
    """A file; ends: for each chunk, or message in none, where it ends and how many came so far."""

    content: bytes
    ends: list[tuple[int, int]]


def mcap_file(
    topics: dict[str, str], messages: list[tuple[str, int, bytes]], form: Form
) -> Written:
    """
    Return a file that was closed, without a summary at its end.

    topics: type by name; messages: topic, time in ns and CDR bytes.
    """
    numbers = {topic: index + 1 for index, topic in enumerate(topics)}
    described = b''.join(
        record(3, struct.pack('<H', number), text(topics[topic]), text('ros2msg'), text(''))
        + record(4, struct.pack('<HH', number, number), text(topic), text('cdr'), text(''))
        for topic, number in numbers.items()
    )
    rows = [(numbers[topic], time_ns, data) for topic, time_ns, data in messages]
    content = MAGIC + record(1, text('ros2'), text('test'))
    ends = []
    if not form.chunk_messages:
        content += described
    step = form.chunk_messages or 1
    for first in range(0, len(rows), step):
        some = rows[first : first + step]
        if form.chunk_messages:
            chunk, indexes = _chunk(described if first == 0 else b'', some, form)
        else:
            chunk, indexes = _message(some[0]), b''
        ends.append((len(content) + len(chunk), first + len(some)))
        content += chunk + indexes
    return Written(content + record(15, bytes(4)) + record(2, bytes(20)) + MAGIC, ends)


def _message(row: tuple[int, int, bytes]) -> bytes:
    number, time_ns, data = row
    return record(5, struct.pack('<HIQQ', number, 0, time_ns, time_ns), data)


def _chunk(head: bytes, rows: list[tuple[int, int, bytes]], form: Form) -> tuple[bytes, bytes]:
    content, places = head, defaultdict(list)
    for row in rows:
        places[row[0]].append((row[1], len(content)))
        content += _message(row)
    pack = {'': bytes, 'lz4': lz4.frame.compress, 'zstd': zstd.compress}[form.compression]
    stored = pack(content)
    times = [time_ns for _, time_ns, _ in rows]
    crc = zlib.crc32(content) if form.has_crc else 0
    chunk = record(
        6,
        struct.pack('<QQQI', min(times), max(times), len(content), crc),
        text(form.compression),
        struct.pack('<Q', len(stored)),
        stored,
    )
    indexes = [
        record(
            7,
            struct.pack('<HI', number, 16 * len(entries)),
            b''.join(struct.pack('<QQ', *entry) for entry in entries),
        )
        for number, entries in places.items()
    ]
    return chunk, b''.join(indexes) if form.has_index else b''
