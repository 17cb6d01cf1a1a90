# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Generate the messages of vision_msgs that the node publishes, where they are not installed."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / 'test' / 'data' / 'vision_msgs'
GENERATORS = REPOSITORY / 'requirements' / 'message-generators.txt'
SITE_PACKAGES = f'lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages'


class NoMessages(Exception):
    """Tells why there are no messages."""


def vision_msgs_variables() -> dict[str, str]:
    """
    Return the environment variables with which a process finds vision_msgs.

    The first call takes about half a minute and keeps what it makes beside the packages of this
    Python. Raises NoMessages, saying what is missing.
    """
    if importlib.util.find_spec('vision_msgs') is not None:
        return {}
    prefix = _generated_prefix()
    additions = {
        'PYTHONPATH': prefix / SITE_PACKAGES,
        'LD_LIBRARY_PATH': prefix / 'lib',
        'AMENT_PREFIX_PATH': prefix,
    }
    present = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    return {
        name: os.pathsep.join([str(path), *filter(None, [present.get(name)])])
        for name, path in additions.items()
    }


def _generated_prefix() -> Path:
    try:
        version = importlib.metadata.version('ros-rclpy')
    except importlib.metadata.PackageNotFoundError as error:
        raise NoMessages(
            'vision_msgs is not installed; apt-get install ros-$ROS_DISTRO-vision-msgs'
        ) from error
    in_venv = sys.prefix != sys.base_prefix
    folder = Path(sys.prefix) if in_venv else Path.home() / '.cache' / 'rtformer_ros'
    prefix = folder / 'generated_messages' / f'vision_msgs_{_digest(version)}'
    prefix.parent.mkdir(parents=True, exist_ok=True)
    # The first of several workers makes them, the others wait.
    with (prefix.parent / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not prefix.is_dir():
            with tempfile.TemporaryDirectory(dir=prefix.parent) as scratch:
                _generate(Path(scratch))
                (Path(scratch) / 'install').rename(prefix)
    return prefix


def _digest(version: str) -> str:
    files = sorted(path for path in SOURCE.rglob('*') if path.is_file())
    texts = [path.read_bytes() for path in (*files, GENERATORS, Path(__file__))]
    texts += [version.encode(), sys.version.encode()]
    return hashlib.sha256(b'\0'.join(texts)).hexdigest()[:16]


def _generate(scratch: Path) -> None:
    missing = [tool for tool in ('cmake', 'gcc', 'g++') if shutil.which(tool) is None]
    if missing:
        raise NoMessages(f'vision_msgs cannot be generated without {", ".join(missing)}')
    tools = scratch / 'tools'
    pip = [sys.executable, '-m', 'pip', 'install', '-q', '--no-input', '--no-deps']
    _run([*pip, '--ignore-installed', '--prefix', str(tools), '-r', str(GENERATORS)], os.environ)
    _add_installed_packages(tools)
    env = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
        'PYTHONPATH': str(tools / SITE_PACKAGES),
        'AMENT_PREFIX_PATH': str(tools),
        'CMAKE_PREFIX_PATH': str(tools),
    }
    build = str(scratch / 'build')
    _run(
        [
            'cmake', '-S', str(SOURCE), '-B', build, '-DBUILD_TESTING=OFF',
            f'-DCMAKE_INSTALL_PREFIX={scratch / "install"}',
            f'-DPython3_EXECUTABLE={sys.executable}',
        ],
        env,
    )  # fmt: skip
    _run(['cmake', '--build', build, '--target', 'install', '-j', str(os.cpu_count())], env)


def _add_installed_packages(tools: Path) -> None:
    """
    Bring the ROS wheels that are installed into the prefix of the generators.

    CMake's files are copied, since they name the Python of the machine that built the wheels.
    """
    installed = Path(sys.prefix)
    shutil.copytree(installed / 'share', tools / 'share', dirs_exist_ok=True)
    for folder in ('.', 'lib', SITE_PACKAGES):
        for path in (installed / folder).iterdir():
            link = tools / folder / path.name
            if not link.exists():
                link.symlink_to(path)
    local = f'"{sysconfig.get_path("include")};{np.get_include()}"'
    for path in tools.glob('share/*/cmake/*.cmake'):
        text = path.read_text()
        if '"/opt/python/' in text:
            path.write_text(re.sub(r'"/opt/python/[^"]*"', local, text))


def _run(command: list[str], env: os._Environ[str] | dict[str, str]) -> None:
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise NoMessages(f'vision_msgs cannot be generated: {" ".join(command[:4])}: {lines[-8:]}')
