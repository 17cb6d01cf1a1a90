# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Zstandard: messages and files of bags unpacked, broken ones as far as they go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rtformer_ros.files.text_file import open_regular
from rtformer_ros.media.recovery.recovered_sqlite import RECOVERED_PREFIX

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
"""Compressed data begin with it; no message in CDR does."""

SUFFIX = '.zstd'

_MOST_MESSAGE_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20


def zstd_decompressor() -> Any:
    """Return a decompressor of one frame; what it raises is none of our errors."""
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd.ZstdDecompressor()


def decompressed(stored: bytes) -> bytes:
    """Return what a compressed message holds; raises ValueError if broken or over 1 GiB."""
    decompressor = zstd_decompressor()
    try:
        # One byte more shows what unfolds to more; memory follows what comes out.
        data = bytes(decompressor.decompress(stored, max_length=_MOST_MESSAGE_BYTES + 1))
    except Exception as error:
        raise ValueError(str(error)) from error
    if len(data) > _MOST_MESSAGE_BYTES:
        raise ValueError(f'it unfolds to more than {_MOST_MESSAGE_BYTES} bytes')
    if not decompressor.eof:
        raise ValueError('its end is missing')
    return data


def unpacked_file(path: Path, folder: Path) -> Path:
    """
    Unpack a file whose name ends in .zstd into a folder, a broken one up to the first damage.

    An earlier call's file is taken again. Raises OSError where it cannot be read or written.
    """
    status, inner = path.stat(), Path(path.stem)
    stamp = f'{status.st_size:x}_{status.st_mtime_ns:x}'
    target = folder / f'{RECOVERED_PREFIX}{inner.stem}_{stamp}{inner.suffix}'
    if target.exists():
        return target
    working = target.with_suffix(f'.{os.getpid()}')
    decompressor = zstd_decompressor()
    with open_regular(path) as file, working.open('wb') as made:
        while not decompressor.eof:
            piece = file.read(_PIECE_BYTES) if decompressor.needs_input else b''
            if decompressor.needs_input and not piece:
                break
            try:
                made.write(decompressor.decompress(piece, max_length=_PIECE_BYTES))
            except Exception:  # noqa: BLE001 - of a library that is another one in each Python
                break
    return working.replace(target)
