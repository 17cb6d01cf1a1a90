# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Priority of a process that works beside one that must not wait."""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path

_NICENESS = 5
_AUTOGROUP = Path('/proc/self/autogroup')


def step_back() -> None:
    """
    Lower the priority of this process, which leads a session of its own, as far as Linux lets us.

    Where Linux shares the processor out by sessions (autogroup), niceness counts only within one.
    """
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError):
        _AUTOGROUP.write_text(str(_NICENESS))
