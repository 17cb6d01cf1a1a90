# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Say what this machine lacks, each time with the command to type."""

from __future__ import annotations

from pathlib import Path

OS_RELEASE = Path('/etc/os-release')
SYSTEM_ROS = {('ubuntu', '22.04'): 'humble', ('ubuntu', '24.04'): 'jazzy'}
SYSTEMS_WITH_PYTHON = (('debian', '12'), ('debian', '13'), ('ubuntu', '26.04'), *SYSTEM_ROS)


class SetupError(Exception):
    """Say what this machine lacks and the command that mends it."""


def no_python(found: list[str], requested: str) -> str:
    """Say that no Python from 3.10 to 3.14 is here."""
    head = f'Python 3.10 to 3.14 is needed; found: {", ".join(found) or "none"}.'
    if requested:
        return f'PYTHON={requested} does not serve. {head}'
    if operating_system() in SYSTEMS_WITH_PYTHON:
        return f'{head} Type:\n\n    sudo apt-get install python3 python3-venv'
    return f'{head} Where it lies elsewhere, type:\n\n    make setup PYTHON=/path/to/python3.12'


def no_rclpy(distro: str) -> str:
    """Say that ROS 2 is sourced, but not its Python library."""
    return (
        f'ROS 2 {distro} is sourced here, but no Python 3.10 to 3.14 finds its rclpy. Type:\n\n'
        f'    sudo apt-get install ros-{distro}-rclpy\n\n'
        'or, to use the ROS 2 wheels instead, open a shell in which ROS is not sourced.'
    )


def no_wheels(machine: str) -> str:
    """Say how to get ROS 2 on a machine that it has no wheels for."""
    head = f'There are no ROS 2 wheels for {machine}: a ROS 2 installation has to be sourced. '
    installed = sorted(Path('/opt/ros').glob('*/setup.bash'))
    if installed:
        return f'{head}Type:\n\n    source {installed[-1]}\n\nthen the same command again.'
    distro = SYSTEM_ROS.get(operating_system())
    if distro is not None:
        return (
            f'{head}With the ROS 2 apt source set up, type:\n\n'
            f'    sudo apt-get install ros-{distro}-ros-base\n'
            f'    source /opt/ros/{distro}/setup.bash\n\nthen the same command again.'
        )
    return (
        f'{head}In a container it is there; type:\n\n'
        '    docker run -it --rm --network host -v "$PWD":/ws -w /ws ros:jazzy\n\n'
        'then the same command again, inside.'
    )


def operating_system(os_release: Path = OS_RELEASE) -> tuple[str, str]:
    """Return ID and VERSION_ID of os-release(5), as in ('ubuntu', '22.04')."""
    try:
        lines = os_release.read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    fields = dict(line.split('=', 1) for line in lines if '=' in line)
    return fields.get('ID', '').strip('"'), fields.get('VERSION_ID', '').strip('"')


def no_venv(python_package: str) -> str:
    """Say that Debian's split-off venv module is missing."""
    return (
        "Python's venv module is missing. Type:\n\n"
        f'    sudo apt-get install {python_package}-venv\n\nthen the same command again.'
    )
