# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Scan of an mcap file from its start: what is whole of it, without the index at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
import struct
from typing import BinaryIO

from rtformer_ros.media.recovery import mcap_records as mcap
from rtformer_ros.media.recovery.mcap_records import ChunkHeader, McapRecord

_MOST_RUN_BYTES = 1 << 20
_EMPTY_INDEX_BYTES, _INDEX_ENTRY_BYTES = mcap.PREFIX_BYTES + 6, 16
_Entries = dict[int, list[tuple[int, int]]]


@dataclass
class McapChunk:
    """
    Messages that are read at once: a chunk of the file, or messages that lie in none.

    head: what has to stand in front of messages that lie in none, b'' for a chunk. start, stop: of
    the chunk's record, or of the messages, in the file. index: for each channel how many bytes its
    index takes; index_at: where they lie in the file, or else index_bytes.
    """

    header: ChunkHeader
    start: int
    stop: int
    head: bytes = b''
    index: dict[int, int] = field(default_factory=dict)
    index_at: int = 0
    index_bytes: bytes = b''

    @property
    def counts(self) -> Counter[int]:
        """Return how many messages each channel has."""
        return Counter(
            {
                channel: (length - _EMPTY_INDEX_BYTES) // _INDEX_ENTRY_BYTES
                for channel, length in self.index.items()
            }
        )

    def make_index(self, entries: _Entries) -> None:
        """Write the index anew; entries: time and place of each message, by channel."""
        made = {
            channel: mcap.record(
                mcap.MESSAGE_INDEX,
                struct.pack('<H', channel),
                mcap.table(b''.join(struct.pack('<QQ', *entry) for entry in places)),
            )
            for channel, places in entries.items()
        }
        self.index = {channel: len(content) for channel, content in made.items()}
        self.index_bytes = b''.join(made.values())


class McapScan:
    """
    The whole part of a file.

    chunks, schemas, channels: what is in it, the latter two as they were written, by id.
    header_stop: where the file's header ends. stop: where its last whole record ends. has_end:
    whether the data end there as they should. damaged: chunks that were left out.
    """

    def __init__(self, file: BinaryIO, size: int, left_out: Collection[int] = ()) -> None:
        """
        Read a file of `size` bytes; left_out: the starts of chunks to take for damaged.

        Raises ValueError for a file that does not begin as mcap does.
        """
        self.chunks: list[McapChunk] = []
        self.schemas: dict[int, bytes] = {}
        self.channels: dict[int, bytes] = {}
        self.damaged: list[McapChunk] = []
        self.has_end = False
        self._file = file
        self._left_out = left_out
        self._pending: McapChunk | None = None
        self._run: list[tuple[int, int, int]] = []
        if file.read(len(mcap.MAGIC)) != mcap.MAGIC:
            raise ValueError('it does not begin as mcap does')
        self.header_stop = self.stop = len(mcap.MAGIC)
        for each in mcap.records_of(file, self.stop, size):
            if each.opcode in (mcap.DATA_END, mcap.FOOTER):
                self.has_end = True
                break
            if not self._take(each):
                break
            self.stop = each.stop
        self._close(is_last=not self.has_end)
        if self.header_stop == len(mcap.MAGIC):
            raise ValueError('it has no header')

    def is_whole(self, chunk: McapChunk) -> bool:
        """Return whether the records of a chunk can be read."""
        try:
            self._entries_of(chunk)
        except (ValueError, struct.error):
            return False
        return True

    def _take(self, each: McapRecord) -> bool:
        """Take a whole record in; returns whether it is what its opcode says."""
        try:
            if each.opcode == mcap.MESSAGE:
                self._take_message(each)
            elif each.opcode == mcap.MESSAGE_INDEX:
                self._take_index(each)
            else:
                self._close()
                if each.opcode == mcap.HEADER:
                    self.header_stop = each.stop
                elif each.opcode == mcap.CHUNK:
                    self._take_chunk(each)
                elif each.opcode in (mcap.SCHEMA, mcap.CHANNEL):
                    self._describe(each.opcode, self._content(each))
        except (ValueError, struct.error):
            return False
        return True

    def _take_message(self, each: McapRecord) -> None:
        channel, _, time_ns = struct.unpack('<HIQ', self._content(each, 14))
        if each.stop - each.start < mcap.MESSAGE_BYTES:
            raise ValueError('a message without a time')
        if self._pending is not None:
            self._close()
        start = each.start - mcap.PREFIX_BYTES
        if self._run and each.stop - self._run[0][2] > _MOST_RUN_BYTES:
            self._close()
        self._run.append((channel, time_ns, start))
        self._run_stop = each.stop

    def _take_chunk(self, each: McapRecord) -> None:
        length = each.stop - each.start
        header = ChunkHeader.read(self._content(each, 80), length)
        start = each.start - mcap.PREFIX_BYTES
        self._pending = McapChunk(header, start, each.stop, index_at=each.stop)

    def _take_index(self, each: McapRecord) -> None:
        if self._pending is None:
            return
        (channel,) = struct.unpack('<H', self._content(each, 2))
        if channel in self._pending.index:
            raise ValueError('a chunk with two indexes of a channel')
        self._pending.index[channel] = each.stop - each.start + mcap.PREFIX_BYTES

    def _close(self, *, is_last: bool = False) -> None:
        """Finish the chunk, or the messages without one, that came last."""
        chunk, self._pending = self._pending, None
        if chunk is not None:
            self._finish(chunk, is_last=is_last)
        if self._run:
            self.chunks.append(_chunk_of(self._run, self._run_stop))
            self._run = []

    def _finish(self, chunk: McapChunk, *, is_last: bool) -> None:
        is_known = bool(chunk.index) and chunk.index.keys() <= self.channels.keys()
        if chunk.start in self._left_out:
            self.damaged.append(chunk)
            return
        # Of the last one's index the end may be missing.
        if not is_known or is_last:
            try:
                entries = self._entries_of(chunk)
            except (ValueError, struct.error):
                self.damaged.append(chunk)
                return
            if not chunk.index or is_last:
                chunk.make_index(entries)
        self.chunks.append(chunk)

    def _entries_of(self, chunk: McapChunk) -> _Entries:
        """Return time and place of each message of a chunk; raises ValueError, struct.error."""
        at = chunk.start + mcap.PREFIX_BYTES + chunk.header.records_at
        if chunk.head:
            return {}
        self._file.seek(at)
        records = chunk.header.records(self._file.read(chunk.header.stored_size))
        entries: _Entries = defaultdict(list)
        place = 0
        while place < len(records):
            opcode, length = struct.unpack_from('<BQ', records, place)
            start, stop = place + mcap.PREFIX_BYTES, place + mcap.PREFIX_BYTES + length
            if stop > len(records):
                raise ValueError('a chunk whose last record is cut off')
            if opcode in (mcap.SCHEMA, mcap.CHANNEL):
                self._describe(opcode, records[start:stop])
            elif opcode == mcap.MESSAGE:
                if length < mcap.MESSAGE_BYTES:
                    raise ValueError('a message without a time')
                channel, _, time_ns = struct.unpack_from('<HIQ', records, start)
                entries[channel].append((time_ns, place))
            place = stop
        return entries

    def _describe(self, opcode: int, content: bytes) -> None:
        (number,) = struct.unpack_from('<H', content)
        known = self.schemas if opcode == mcap.SCHEMA else self.channels
        known.setdefault(number, content)

    def _content(self, each: McapRecord, most: int | None = None) -> bytes:
        self._file.seek(each.start)
        length = each.stop - each.start
        return self._file.read(length if most is None else min(length, most))


def _chunk_of(run: list[tuple[int, int, int]], stop: int) -> McapChunk:
    """Return messages that lie in no chunk as one without compression."""
    start = run[0][2]
    size = stop - start
    times = [time_ns for _, time_ns, _ in run]
    header = ChunkHeader(min(times), max(times), size, 0, '', 0, size)
    content = struct.pack('<QQQI', header.start_ns, header.stop_ns, size, 0) + mcap.text('')
    content += struct.pack('<Q', size)
    head = struct.pack('<BQ', mcap.CHUNK, len(content) + size) + content
    made = McapChunk(header, start, stop, head)
    entries: _Entries = defaultdict(list)
    for channel, time_ns, place in run:
        entries[channel].append((time_ns, place - start))
    made.make_index(entries)
    return made
