# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What image codecs write to the standard error of the process, kept short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import fcntl
import os
import threading
import time

_PERIOD_S = 60.0
_MOST_READ_BYTES = 1 << 20
_SHOWN_CHARACTERS = 120
# Of libpng, OpenCV's own codecs and libjpeg (the warnings in its jerror.h).
_BEGINNINGS = (
    b'libpng ', b'[ WARN:', b'[ERROR:', b'Corrupt JPEG data', b'Premature end of JPEG',
    b'Warning: unknown JFIF', b'Inconsistent progression', b'Invalid SOS parameters',
    b'Invalid component ID', b'Unknown Adobe color transform',
)  # fmt: skip


class CodecNoise:
    """
    Standard error while images are decoded: of what codecs write, a line a minute passes.

    libpng writes a line for each odd chunk, 940 kB for a file of 330 kB, and libjpeg one for each
    broken image: whoever sends images could fill the disk with the log. None of them can be told
    otherwise through OpenCV. What others write meanwhile comes out as soon as the image is done.
    """

    def __init__(self, period_s: float = _PERIOD_S) -> None:
        """Start with nothing written; period_s: between two lines that pass."""
        self._period_s = period_s
        self._lock = threading.Lock()
        self._users = 0
        self._kept = self._real = -1
        self._left_out = 0
        self._passed_s = float('-inf')

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Keep what is written to file descriptor 2 until the last thread leaves."""
        with self._lock:
            if self._users == 0:
                self._begin()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._end()

    def _begin(self) -> None:
        # Without a standard error, or a file to put in its place, codecs write where they like.
        with suppress(OSError):
            if self._kept < 0:
                self._kept = os.memfd_create('codec_noise')
                # Of several writers, none overwrites another.
                fcntl.fcntl(self._kept, fcntl.F_SETFL, os.O_APPEND)
            # Anew each time: it may have been directed elsewhere since.
            self._real = os.dup(2)
            os.dup2(self._kept, 2)

    def _end(self) -> None:
        if self._real < 0:
            return
        os.dup2(self._real, 2)
        os.close(self._real)
        self._real = -1
        if size := os.fstat(self._kept).st_size:
            written = os.pread(self._kept, min(size, _MOST_READ_BYTES), 0)
            os.ftruncate(self._kept, 0)
            self._pass_on(written)

    def _pass_on(self, written: bytes) -> None:
        lines = written.splitlines(keepends=True)
        noise = [line for line in lines if line.startswith(_BEGINNINGS)]
        passed = [line for line in lines if not line.startswith(_BEGINNINGS)]
        if noise:
            now_s = time.monotonic()
            self._left_out += len(noise)
            if now_s - self._passed_s >= self._period_s:
                text = noise[0].decode(errors='replace').strip()[:_SHOWN_CHARACTERS]
                more = self._left_out - 1
                suffix = f' ({more} more lines of codecs left out)' if more else ''
                passed.append(f'decoding an image: {text}{suffix}\n'.encode())
                self._passed_s, self._left_out = now_s, 0
        with suppress(OSError):
            os.write(2, b''.join(passed))


codec_noise = CodecNoise()
"""Of this process, which has one standard error."""
