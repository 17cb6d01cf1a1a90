# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Lifelines: a child process ends with its parent, however that ended.

    python -m rtformer_ros.processes.lifeline MODULE ARGUMENT ...

runs a module as `python -m MODULE` would, until standard input is closed. A parent that keeps the
other end of that pipe closes it when it ends, even by SIGKILL. (Linux can also send a signal when
a parent ends, but it means the thread that started the child, which may end long before.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import multiprocessing
import os
from pathlib import Path
import runpy
import signal
import subprocess
import sys
import threading
import time
from typing import IO

from rtformer_ros.processes.executables import end_quietly
from rtformer_ros.processes.heap import limit_arenas

_CLEAN_END_S = 3.0


def start_on_lifeline(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """
    Start `python -m module arguments` in a session of its own; keep what is returned.

    The process ends when its standard input is closed: with this process, or with the object.
    output: where it writes, errors too.
    """
    return subprocess.Popen(
        [sys.executable, '-m', __name__, module, *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )


def module_folders() -> str:
    """Return a PYTHONPATH by which a child finds the modules that this process finds."""
    return os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)


def end_with_standard_input(end: Callable[[], None]) -> None:
    """Call `end` in another thread when standard input is closed; what is read there is lost."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        end()

    threading.Thread(target=wait, name='lifeline', daemon=True).start()


def end_with_parent() -> None:
    """End this process, which multiprocessing started, at once when its parent has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None, 'this process was not started by multiprocessing'

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name='lifeline', daemon=True).start()


def main() -> None:
    """Run the module of the command line, and end it when standard input is closed."""
    end_quietly(0)  # until the module has its own way to end
    # The module starts as a user's would, before there are threads; it may want to do so itself.
    limit_arenas()
    end_with_standard_input(_end_cleanly)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)


def _end_cleanly() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_CLEAN_END_S)
    os._exit(1)


if __name__ == '__main__':
    main()
