# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Private folders: caches that only the user of this process may write, as they are executed."""

from __future__ import annotations

import os
from pathlib import Path
import stat
import tempfile

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cache_folder(name: str) -> Path:
    """
    Return $ROS_HOME/rtformer_ros/NAME, or ~/.cache/rtformer_ros/NAME.

    A user without a home, as containers have them, gets a folder of temporary files.
    """
    try:
        root = Path(os.environ.get('ROS_HOME') or '~/.cache').expanduser()
    except RuntimeError:
        root = Path(tempfile.gettempdir()) / f'user_{os.geteuid()}'
    return root / 'rtformer_ros' / name


def make_private(folder: Path, owner_id: int) -> str:
    """Make a folder that nobody else can write; return why it cannot be trusted, '' if it can."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        if status.st_uid != owner_id:
            return (
                f'it belongs to user {status.st_uid}, not to {owner_id}; set ROS_HOME to a folder '
                'of this user'
            )
        if status.st_mode & _OTHERS_MAY_WRITE:
            folder.chmod(0o700)
    except OSError as error:
        return f'{error}; set ROS_HOME to a folder that can be written'
    return ''
