# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A bag file in mcap whose end is missing, completed in memory: its index is made anew."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection
import io
import os
from pathlib import Path
import struct
from typing import Any, BinaryIO

from rtformer_ros.files.text_file import open_regular
from rtformer_ros.media.recovery import mcap_records as mcap
from rtformer_ros.media.recovery.mcap_scan import McapScan

_Piece = tuple[int, int, bytes | None, int]
"""Start and length in what is read; its bytes, or None and where it lies in the file."""


class RecoveredMcap:
    """
    The whole part of an mcap file, in the form of a path that rosbags opens.

    scan: what was found. size: bytes of the file as it is on the disk.
    """

    suffix = '.mcap'

    def __init__(self, path: Path, left_out: Collection[int] = ()) -> None:
        """
        Scan a file; left_out: the starts of chunks to take for damaged.

        Raises OSError where it cannot be read, ValueError for a file that is no mcap.
        """
        self._path = path
        with open_regular(path) as file:
            self.size = os.fstat(file.fileno()).st_size
            self.scan = McapScan(file, self.size, left_out)
        self._pieces = self._layout()

    @property
    def stem(self) -> str:
        """Return the name of the file without its suffix."""
        return self._path.stem

    def exists(self) -> bool:
        """Return True: it was scanned."""
        return True

    def is_dir(self) -> bool:
        """Return False: it is a file."""
        return False

    def open(self, *_: Any, **__: Any) -> BinaryIO:
        """Return the completed file, to read bytes of; raises OSError."""
        return io.BufferedReader(_Pieces(open_regular(self._path), self._pieces))

    def __str__(self) -> str:
        """Return the path of the file."""
        return str(self._path)

    def damaged_chunks(self, start_ns: int, stop_ns: int) -> set[int]:
        """Return the starts of the chunks, of those with times in that span, that are damaged."""
        with open_regular(self._path) as file:
            scan = McapScan(file, self.size)
            return {
                chunk.start
                for chunk in scan.chunks
                if chunk.header.start_ns < stop_ns
                and chunk.header.stop_ns >= start_ns
                and not scan.is_whole(chunk)
            }

    def _layout(self) -> list[_Piece]:
        """Return what is read, piece by piece, the index at its end included."""
        pieces: list[_Piece] = []
        place = 0

        def add(content: bytes | None, start: int, length: int) -> int:
            nonlocal place
            begun = place
            if length:
                pieces.append((place, length, content, start))
                place += length
            return begun

        add(None, 0, self.scan.header_stop)
        indexes = []
        for chunk in self.scan.chunks:
            begun = add(chunk.head, 0, len(chunk.head))
            add(None, chunk.start, chunk.stop - chunk.start)
            index_bytes = sum(chunk.index.values())
            made = chunk.index_bytes or None
            index_at = add(made, chunk.index_at, index_bytes)
            offsets = []
            for channel, length in chunk.index.items():
                offsets.append(struct.pack('<HQ', channel, index_at))
                index_at += length
            indexes.append(
                mcap.record(
                    mcap.CHUNK_INDEX,
                    struct.pack('<QQQ', chunk.header.start_ns, chunk.header.stop_ns, begun),
                    struct.pack('<Q', index_at - index_bytes - begun),
                    mcap.table(b''.join(offsets)),
                    struct.pack('<Q', index_bytes),
                    mcap.text(chunk.header.compression),
                    struct.pack('<QQ', chunk.header.stored_size, chunk.header.size),
                )
            )
        end = self._end(place, b''.join(indexes))
        add(end, 0, len(end))
        return pieces

    def _end(self, place: int, indexes: bytes) -> bytes:
        """Return all that follows the data, which end at `place`."""
        data_end = mcap.record(mcap.DATA_END, bytes(4))
        summary = b''.join(
            [
                *(mcap.record(mcap.SCHEMA, content) for content in self.scan.schemas.values()),
                *(mcap.record(mcap.CHANNEL, content) for content in self.scan.channels.values()),
                indexes,
                self._statistics(),
            ]
        )
        footer = mcap.record(mcap.FOOTER, struct.pack('<QQI', place + len(data_end), 0, 0))
        return data_end + summary + footer + mcap.MAGIC

    def _statistics(self) -> bytes:
        scan = self.scan
        counts = sum((chunk.counts for chunk in scan.chunks), Counter[int]())
        starts = [chunk.header.start_ns for chunk in scan.chunks]
        stops = [chunk.header.stop_ns for chunk in scan.chunks]
        numbers = (counts.total(), len(scan.schemas), len(scan.channels), 0, 0, len(scan.chunks))
        return mcap.record(
            mcap.STATISTICS,
            struct.pack('<QHIIII', *numbers),
            struct.pack('<QQ', min(starts, default=0), max(stops, default=0)),
            mcap.table(b''.join(struct.pack('<HQ', *each) for each in counts.items())),
        )


class _Pieces(io.RawIOBase):
    """A file that is put together from pieces of another and from bytes."""

    def __init__(self, file: BinaryIO, pieces: list[_Piece]) -> None:
        self._file = file
        self._pieces = pieces
        self._starts = [start for start, *_ in pieces]
        self._place = 0
        self._size = pieces[-1][0] + pieces[-1][1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        if self._place >= self._size:
            return 0
        start, length, content, at = self._pieces[bisect_right(self._starts, self._place) - 1]
        first = self._place - start
        count = min(len(buffer), length - first)
        if content is None:
            self._file.seek(at + first)
            content, first = self._file.read(count), 0
            count = len(content)
        buffer[:count] = content[first : first + count]
        self._place += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
