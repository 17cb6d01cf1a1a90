# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Keep what OpenVINO has compiled, and what was measured of it, between starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import logging
import os
from pathlib import Path

from rtformer_ros.files.file_lock import wait_for_lock
from rtformer_ros.files.private_folder import cache_folder, make_private

_logger = logging.getLogger(__name__)

_MOST_BYTES = 1 << 30


def folder_of_compiled_models() -> Path | None:
    """Return the private folder of compiled models, None where none can be."""
    folder = cache_folder('openvino')
    if distrust := make_private(folder, os.geteuid()):
        _logger.info('compiled models are not kept in %s: %s', folder, distrust)
        return None
    return folder


@contextmanager
def compiled_models() -> Iterator[Path | None]:
    """
    Lend the folder of compiled models to one process at a time; None where none can be.

    Beyond 1 GiB in all, the oldest models go.
    """
    folder = folder_of_compiled_models()
    if folder is None:
        yield None
        return
    # Of a model that another process is writing, half would be read.
    with wait_for_lock(folder / 'lock', lambda: None):
        _make_room(folder)
        yield folder


def _make_room(folder: Path) -> None:
    with suppress(OSError):
        # Not the lock, which holds for whoever opened this very file, nor the records of trials.
        files = [(p.stat().st_mtime, p.stat().st_size, p) for p in folder.glob('*.blob')]
        total = 0
        for _, size, path in sorted(files, reverse=True):
            total += size
            if total > _MOST_BYTES:
                path.unlink()
