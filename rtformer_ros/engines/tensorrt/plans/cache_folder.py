# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The folder of the plan cache: where it lies, what is removed from it."""

from __future__ import annotations

from contextlib import suppress
import logging
import os
from pathlib import Path
import re
import stat
import time

from rtformer_ros.files.private_folder import cache_folder

_logger = logging.getLogger(__name__)

_TEMPORARY = re.compile(r'\..+\.(plan|json|timing|failed)\..+')
# No write of a plan takes that long: what is older was left by a process that was killed.
_STALE_S = 3600.0


def default_cache_folder() -> Path:
    """Return $ROS_HOME/rtformer_ros/plans, or ~/.cache/rtformer_ros/plans."""
    return cache_folder('plans')


def remove_leftovers(folder: Path) -> None:
    """Delete what processes left that were killed while they wrote; raises OSError."""
    oldest_s = time.time() - _STALE_S
    for path in folder.iterdir():
        with suppress(OSError):
            if _TEMPORARY.fullmatch(path.name) and path.lstat().st_mtime < oldest_s:
                path.unlink()


def make_room(folder: Path, most_bytes: int, kept: Path) -> None:
    """
    Delete plans until the others take no more than `most_bytes`, first those not used for longest.

    The time of a plan's last use is that of its file, see mark_used. kept: a plan that stays.
    Raises OSError where the folder cannot be read.
    """
    found = []
    for path in folder.glob('*.plan'):
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((path != kept, -status.st_mtime, status.st_size, path))
    total = 0
    for is_spare, _, size, path in sorted(found):
        total += size
        if is_spare and total > most_bytes:
            _logger.info('the plan %s was not used for longest and makes room for others', path)
            remove_plan(path)


def remove_plan(path: Path) -> None:
    """Delete a plan and its record, if the file system lets us."""
    with suppress(OSError):
        # In this order: a plan without its record is given to nobody.
        path.with_name(f'{path.name}.json').unlink(missing_ok=True)
        path.unlink()


def mark_used(path: Path) -> None:
    """Note that a plan was used now, if the file system lets us."""
    with suppress(OSError):
        os.utime(path)
