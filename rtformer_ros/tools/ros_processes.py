"""Prepare the processes of a ROS system that a tool runs for itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rtformer_ros
from rtformer_ros.fastdds_profile import profile_variables


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
