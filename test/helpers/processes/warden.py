# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Wait for the end of a test session and end what it has left running.

Run as a program, with the session's mark, it waits for the end of standard input, which the
session holds. Only Python's own library, so that it starts at once.
"""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path
import signal
import sys
import time

MARK = 'RTFORMER_TEST_SESSION'
PATIENCE_S = float(os.environ.get('RTFORMER_TEST_PATIENCE_S', '10'))


def marked_processes(mark: str, name: str = MARK) -> set[int]:
    """Return all living processes in whose environment the variable `name` is the mark."""
    return {each for each in processes() if variable(each, name) == mark}


def processes() -> list[int]:
    return [int(path.name) for path in Path('/proc').glob('[0-9]*')]


def command_line(process: int) -> str:
    """Return the command line; '' for a process that has ended."""
    try:
        text = Path(f'/proc/{process}/cmdline').read_bytes()
    except OSError:
        return ''
    return text.replace(b'\0', b' ').decode(errors='replace').strip()


def variable(process: int, name: str) -> str:
    try:
        content = Path(f'/proc/{process}/environ').read_bytes()
    except OSError:
        return ''
    for line in content.decode(errors='replace').split('\0'):
        key, _, value = line.partition('=')
        if key == name:
            return value
    return ''


def _guard(mark: str) -> None:
    """Wait for the end of the session; what is then left after a while is killed."""
    while os.read(0, 1):
        pass
    give_up_s = time.monotonic() + PATIENCE_S
    while (left := marked_processes(mark)) and time.monotonic() < give_up_s:
        time.sleep(0.1)
    for each in left:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


if __name__ == '__main__':
    _guard(sys.argv[1])
