# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Child processes of a tool: ROS programs that run together, and are all ended in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
import json
import os
from pathlib import Path
import signal
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Any

import rtformer_ros
from rtformer_ros.errors import EngineError
from rtformer_ros.files.fastdds_profile import profile_variables
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.processes.lifeline import start_on_lifeline

_SIGINT_TIMEOUT_S = 4.0
_START_TIMEOUT_S = 90.0
_POLL_S = 0.2
_TAIL_LINES = 8


class ChildProcesses:
    """
    Python modules that run as processes, each with a log file; use it in a `with` block.

    The processes are in sessions of their own: Ctrl-C reaches this process alone, which then ends
    them in order. They also end when this process is killed.
    """

    def __init__(self, log_folder: Path, environment: Mapping[str, str]) -> None:
        """Keep where logs go (an existing folder) and the environment of the processes."""
        self._log_folder = log_folder
        self._environment = dict(environment)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Start `python -m module arguments`; its output goes to NAME.log."""
        with self.log_path(name).open('wb') as log:
            self._processes[name] = start_on_lifeline(module, arguments, self._environment, log)

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

    def failure(self, name: str) -> str:
        """Return how a process ended and what it wrote last, for a message."""
        return (
            f'{name} ended with exit code {self.exit_code(name)}; it wrote last '
            f'({self.log_path(name)}):\n{self.log_tail(name)}'
        )

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
                if process.stdin is not None:
                    process.stdin.close()


@contextmanager
def ros_system(**variables: str) -> Iterator[ChildProcesses]:
    """
    Give processes a ROS system of their own, and a folder for what they write, while it runs.

    variables: of their environment, besides.
    """
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        environment = isolated_environment(os.environ, 150 + os.getpid() % 50, logs) | variables
        with ChildProcesses(logs, environment) as processes:
            yield processes


def start_program(
    processes: ChildProcesses, program: str, parameters: Mapping[str, Any], namespace: str = ''
) -> None:
    """Start a program of `ros/programs` under its own name."""
    remappings = {'__ns': namespace} if namespace else {}
    arguments = ros_arguments(parameters, remappings)
    processes.start(program, f'rtformer_ros.ros.programs.{program}', arguments)


def start_workload(
    processes: ChildProcesses, workload: str, parameters: Mapping[str, Any], namespace: str = ''
) -> Path:
    """Start a program that writes a report; return where that will be, and nothing yet is."""
    report = processes.log_path(workload).with_suffix('.json')
    report.unlink(missing_ok=True)
    start_program(processes, workload, {**parameters, 'report': str(report)}, namespace)
    return report


def report_of(
    processes: ChildProcesses, node: str, workload: str, report: Path, duration_s: float
) -> dict[str, Any]:
    """Return the report once the workload has ended well; raises as wait_for_workload does."""
    wait_for_workload(processes, node, workload, duration_s)
    text = report.read_text(encoding='utf-8')
    result: dict[str, Any] = parse_json(text, 'the report of the load')
    return result


def wait_for_workload(
    processes: ChildProcesses, node: str, workload: str, duration_s: float
) -> None:
    """
    Return when the process `workload` has ended well.

    duration_s: how long it should take, not counting the start.
    Raises EngineError with what was last written when it fails, the node ends, or both hang.
    """
    give_up_s = time.monotonic() + _START_TIMEOUT_S + 2 * duration_s
    while (code := processes.exit_code(workload)) is None:
        if processes.exit_code(node) is not None:
            raise EngineError(f'the node ended; it wrote last:\n{processes.log_tail(node)}')
        if time.monotonic() > give_up_s:
            raise EngineError(
                f'the benchmark hangs; the node wrote last:\n{processes.log_tail(node)}'
            )
        time.sleep(_POLL_S)
    if code != 0:
        raise EngineError(f'the load failed; it wrote last:\n{processes.log_tail(workload)}')


def isolated_environment(
    environment: Mapping[str, str], domain_id: int, folder: Path
) -> dict[str, str]:
    """
    Return the environment of processes that are a ROS system for themselves, on this machine.

    domain_id: their ROS domain; folder: where ROS may write its logs.
    """
    package_parent = str(Path(rtformer_ros.__file__).resolve().parents[1])
    python_path = [package_parent, environment.get('PYTHONPATH', '')]
    result = {
        **environment,
        **profile_variables(environment),
        'PYTHONPATH': os.pathsep.join(filter(None, python_path)),
        'ROS_DOMAIN_ID': str(domain_id),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        # The default is in the home folder, which a container may lack.
        'ROS_LOG_DIR': str((folder / 'ros_log').resolve()),
    }
    if environment.get('ROS_DISTRO') == 'humble':
        result['ROS_LOCALHOST_ONLY'] = '1'
    return result


def ros_arguments(
    parameters: Mapping[str, Any], remappings: Mapping[str, str] | None = None
) -> list[str]:
    """Return the command-line arguments that set parameters and remap names of a node."""
    arguments = ['--ros-args']
    for name, value in parameters.items():
        # JSON is YAML in which no text is taken for a number.
        arguments += ['-p', f'{name}:={json.dumps(value)}']
    for name, topic in (remappings or {}).items():
        arguments += ['-r', f'{name}:={topic}']
    return arguments
