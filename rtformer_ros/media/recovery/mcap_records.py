# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Records of the MCAP format, read and written as https://mcap.dev/spec describes them."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass
import struct
from typing import Any, BinaryIO

from rtformer_ros.media.recovery.zstandard import zstd_decompressor

MAGIC = b'\x89MCAP0\r\n'
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
STATISTICS, DATA_END = 0x0B, 0x0F
PREFIX_BYTES = 9
"""Of every record: opcode and length."""

MESSAGE_BYTES = 22
"""Of a message in front of its data."""

_CHUNK_BYTES = 32
_MOST_CHUNK_BYTES = 1 << 30


@dataclass(frozen=True)
class McapRecord:
    """A whole record: its opcode, and where its content starts and stops, in bytes."""

    opcode: int
    start: int
    stop: int


@dataclass(frozen=True)
class ChunkHeader:
    """
    What a chunk says of its records.

    start_ns, stop_ns: times of its first and last message; records_at: where they begin, in bytes
    from the content's start; size, crc: of the records as they were, 0 for no crc.
    """

    start_ns: int
    stop_ns: int
    size: int
    crc: int
    compression: str
    records_at: int
    stored_size: int

    @classmethod
    def read(cls, content: bytes, length: int) -> ChunkHeader:
        """
        Read the beginning of a chunk's content, which has `length` bytes in all.

        Raises ValueError for what is no chunk.
        """
        start_ns, stop_ns, size, crc, text_bytes = struct.unpack_from('<QQQII', content)
        if text_bytes > _CHUNK_BYTES:
            raise ValueError('a chunk without compression of a known name')
        compression = content[32 : 32 + text_bytes].decode()
        (stored_size,) = struct.unpack_from('<Q', content, 32 + text_bytes)
        records_at = 40 + text_bytes
        if records_at + stored_size != length or size > _MOST_CHUNK_BYTES:
            raise ValueError('a chunk whose lengths contradict each other')
        return cls(start_ns, stop_ns, size, crc, compression, records_at, stored_size)

    def records(self, stored: bytes) -> bytes:
        """Return the records of the chunk; raises ValueError where they are not whole."""
        records = _decompressed(stored, self.compression, self.size)
        if len(records) != self.size or (self.crc and crc32(records) != self.crc):
            raise ValueError('a chunk that is damaged')
        return records


def records_of(file: BinaryIO, start: int, stop: int) -> Iterator[McapRecord]:
    """Return the whole records between two places of a file, up to the first that is not."""
    while start + PREFIX_BYTES <= stop:
        file.seek(start)
        opcode, length = struct.unpack('<BQ', file.read(PREFIX_BYTES))
        first, last = start + PREFIX_BYTES, start + PREFIX_BYTES + length
        if opcode == 0 or last > stop:
            return
        yield McapRecord(opcode, first, last)
        start = last


def record(opcode: int, *content: bytes) -> bytes:
    """Return a record as it is written."""
    whole = b''.join(content)
    return struct.pack('<BQ', opcode, len(whole)) + whole


def text(value: str) -> bytes:
    """Return a text as it is written within a record."""
    return table(value.encode())


def table(content: bytes) -> bytes:
    """Return bytes with their length in front, as a record holds texts, maps and arrays."""
    return struct.pack('<I', len(content)) + content


def _decompressed(stored: bytes, compression: str, size: int) -> bytes:
    if not compression:
        return stored
    # One byte more than there should be shows what unfolds to more.
    if compression == 'lz4':
        from lz4.frame import LZ4FrameDecompressor

        decompressor: Any = LZ4FrameDecompressor()
    elif compression == 'zstd':
        decompressor = zstd_decompressor()
    else:
        raise ValueError(f'a chunk of unknown compression {compression!r}')
    try:
        return bytes(decompressor.decompress(stored, max_length=size + 1))
    except Exception as error:
        raise ValueError(f'a chunk that is damaged ({error})') from error
