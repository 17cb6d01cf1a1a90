# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Find a Python on this machine that can carry the environment, or say what is missing."""

from __future__ import annotations

from dataclasses import dataclass
import json
import os
import shutil
import subprocess
from typing import Any, TYPE_CHECKING

import remedies
from remedies import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHONS = ((3, 12), (3, 11), (3, 10), (3, 13), (3, 14))
WHEEL_MACHINES = ('x86_64', 'AMD64')

PROBE = """
import importlib.util, json, os, platform, sys
has_rclpy = False
if os.environ.get('AMENT_PREFIX_PATH'):  # found by a Python of another version, it fails to load
    try:
        import rclpy
        has_rclpy = True
    except ImportError:
        pass
print(json.dumps({
    'executable': getattr(sys, '_base_executable', None) or sys.executable,
    'version': sys.version_info[:2],
    'machine': platform.machine(),
    'has_venv': all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip')),
    'has_rclpy': has_rclpy,
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python found on this machine and what matters about it."""

    executable: str
    version: tuple[int, int]
    machine: str
    has_venv: bool
    has_rclpy: bool

    @property
    def name(self) -> str:
        """Return the name of its Debian package: python3.11."""
        return f'python{self.version[0]}.{self.version[1]}'


def sourced_distro(env: Mapping[str, str]) -> str | None:
    """Return the ROS 2 distribution that is sourced in this shell, if any (not ROS 1)."""
    return env.get('ROS_DISTRO') if env.get('AMENT_PREFIX_PATH') else None


def find_interpreters(env: Mapping[str, str]) -> list[Interpreter]:
    """Probe the Pythons that may serve: the one asked for, or those on PATH and in /usr/bin."""
    names = ['python3', *(f'python{major}.{minor}' for major, minor in PYTHONS)]
    places = [env.get('PATH', os.defpath), '/usr/bin']
    asked = env.get('PYTHON')
    candidates = (
        [shutil.which(asked, path=env.get('PATH')) or asked]
        if asked
        else [shutil.which(name, path=place) for place in places for name in names]
    )
    found = [probe(path, env) for path in dict.fromkeys(candidates) if path]
    return list(dict.fromkeys(interpreter for interpreter in found if interpreter))


def probe(executable: str, env: Mapping[str, str]) -> Interpreter | None:
    """Ask an executable what it is; None if it does not run as a Python."""
    try:
        answer = subprocess.run(
            [executable, '-c', PROBE],
            env=dict(env), capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        facts: dict[str, Any] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    facts['version'] = tuple(facts['version'])
    return Interpreter(**facts)


def choose(found: Sequence[Interpreter], distro: str | None, requested: str) -> Interpreter:
    """Return the first interpreter that can carry the environment; raises SetupError."""
    fitting = [interpreter for interpreter in found if interpreter.version in PYTHONS]
    if not fitting:
        raise SetupError(
            remedies.no_python([f'{each.name} ({each.executable})' for each in found], requested)
        )
    if distro is not None:
        fitting = [interpreter for interpreter in fitting if interpreter.has_rclpy]
        if not fitting:
            raise SetupError(remedies.no_rclpy(distro))
    else:
        fitting = [each for each in fitting if each.machine in WHEEL_MACHINES] or fitting
        if fitting[0].machine not in WHEEL_MACHINES:
            raise SetupError(remedies.no_wheels(fitting[0].machine))
    for interpreter in fitting:
        if interpreter.has_venv:
            return interpreter
    raise SetupError(remedies.no_venv(fitting[0].name))
