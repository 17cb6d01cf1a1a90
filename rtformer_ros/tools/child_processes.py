"""Run several programs together, and end them all whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

_SIGINT_TIMEOUT_S = 4.0
_TAIL_LINES = 8


class ChildProcesses:
    """
    Python modules that run as processes, each with a log file; use it in a `with` block.

    The processes are in sessions of their own: Ctrl-C reaches this process alone, which then ends
    them in order.
    """

    def __init__(self, log_folder: Path, environment: Mapping[str, str]) -> None:
        """Keep where logs go (an existing folder) and the environment of the processes."""
        self._log_folder = log_folder
        self._environment = dict(environment)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Start `python -m module arguments`; its output goes to NAME.log."""
        with self.log_path(name).open('wb') as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, '-m', module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def exit_code(self, name: str) -> int | None:
        """Return how a process ended, None while it runs."""
        return self._processes[name].poll()

    def process_id(self, name: str) -> int:
        """Return the id of a process."""
        return self._processes[name].pid

    def log_path(self, name: str) -> Path:
        """Return where the output of a process goes."""
        return self._log_folder / f'{name}.log'

    def log_tail(self, name: str) -> str:
        """Return the last lines that a process wrote."""
        text = self.log_path(name).read_text(encoding='utf-8', errors='replace')
        return '\n'.join(text.splitlines()[-_TAIL_LINES:])

    def __enter__(self) -> ChildProcesses:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all processes: SIGINT first, SIGKILL for those that stay."""
        try:
            for process in self._processes.values():
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
            give_up_s = time.monotonic() + _SIGINT_TIMEOUT_S
            for process in self._processes.values():
                try:
                    process.wait(max(0.0, give_up_s - time.monotonic()))
                except subprocess.TimeoutExpired:
                    continue
        finally:
            for process in self._processes.values():
                if process.poll() is None:
                    process.kill()
                    process.wait()
