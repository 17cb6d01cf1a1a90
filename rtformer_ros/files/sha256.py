# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""SHA-256 digests as 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rtformer_ros.errors import ModelError

_CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content; raises ModelError if it is unreadable."""
    digest = hashlib.sha256()
    try:
        with path.open('rb') as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f'cannot read {path}: {error}') from error
    return digest.hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
