# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run the segmentation node as a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from types import MappingProxyType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


class NodeProcess:
    """A running node; its output goes to a file, which failures show."""

    def __init__(
        self,
        log: Path,
        parameters: Mapping[str, Any],
        arguments: Sequence[str] = (),
        module: str = 'rtformer_ros.ros.programs.segmentation_node',
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._log = log
        command = [sys.executable, '-m', module, '--ros-args']
        for name, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ['-p', f'{name}:={text}']
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), **variables}
        with log.open('w') as output:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=environment,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def resident_mib(self) -> float:
        for line in Path(f'/proc/{self.process.pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) / 1024
        raise AssertionError('the process has no VmRSS')

    def end(self, number: int = signal.SIGINT, timeout_s: float = 10.0) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds that it took."""
        started_s = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout_s)
        return code, time.monotonic() - started_s

    def kill(self) -> None:
        if self.is_alive:
            self.process.kill()
            self.process.wait()
