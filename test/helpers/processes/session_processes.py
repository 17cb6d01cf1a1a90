# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
A pytest plugin: a test session leaves no process behind.

Every process that tests start, and every one that those start, inherits a mark in its environment.
One that is there when the session ends fails it, under the name of the test that it came from. If
the session is killed, a warden, which holds the end of a pipe, ends them in its place.
"""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
import warden
from warden import command_line, MARK, marked_processes, PATIENCE_S, processes, variable

# multiprocessing starts it once, and ends it with the process that uses it.
_RESOURCE_TRACKER = 'multiprocessing.resource_tracker'


class Warden:
    """A process that ends what a session has started when the session is gone."""

    def __init__(self, mark: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key != MARK}
        self.process = subprocess.Popen(
            [sys.executable, '-S', warden.__file__, mark],
            stdin=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        self.process.kill()
        self.process.wait()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, 'workerinput'):
        return  # a worker of pytest-xdist has its mark from the process that counts, which looks
    mark = f'{os.getpid()}_{time.monotonic_ns()}'
    guard = Warden(mark)
    os.environ[MARK] = mark
    config.stash[_MARK], config.stash[_WARDEN] = mark, guard
    config.add_cleanup(guard.dismiss)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session of which processes are left, and end them."""
    config = session.config
    if _MARK not in config.stash:
        return
    give_up_s = time.monotonic() + PATIENCE_S
    while left := _left(config):
        if time.monotonic() > give_up_s:
            break
        time.sleep(0.1)
    config.stash[_STRAYS] = [_description(each) for each in left]
    for each in left:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    if left and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for stray in config.stash.get(_STRAYS, []):
        terminalreporter.write_line(f'a process was left running: {stray}', red=True)


_MARK = pytest.StashKey[str]()
_WARDEN = pytest.StashKey[Warden]()
_STRAYS = pytest.StashKey[list[str]]()


def _left(config: pytest.Config) -> set[int]:
    """Return the processes with the session's mark, and those that were forked without."""
    guard = config.stash[_WARDEN].process.pid
    found = marked_processes(config.stash[_MARK]) | _descendants(os.getpid())
    return {
        each
        for each in found - {os.getpid(), guard}
        if (command := command_line(each)) and _RESOURCE_TRACKER not in command
    }


def _descendants(ancestor: int) -> set[int]:
    parents = {}
    for each in processes():
        with suppress(OSError):
            stat = Path(f'/proc/{each}/stat').read_text()
            parents[each] = int(stat.rpartition(')')[2].split()[1])
    found = {ancestor}
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {ancestor}


def _description(process: int) -> str:
    test = variable(process, 'PYTEST_CURRENT_TEST')
    return f'{process} ({command_line(process)[:200]}), started in {test or "no test"}'
