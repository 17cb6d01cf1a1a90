# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The demo as a page: the clip plays without end while the page is served."""

from __future__ import annotations

import os
import re
import time
from typing import NoReturn

from rtformer_ros.errors import ConfigError, EngineError
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.tools.demo.options import DemoOptions
from rtformer_ros.tools.processes import ChildProcesses, isolated_environment, ros_arguments

_MODULES = {
    'segmentation_node': 'rtformer_ros.ros.programs.segmentation_node',
    'image_source': 'rtformer_ros.ros.programs.image_source',
    'web': 'rtformer_ros.ros.web.__main__',
}
_POLL_S = 0.2


def serve_demo(options: DemoOptions) -> NoReturn:
    """
    Play and serve until this process is interrupted; prints the address once it can be opened.

    Raises RtformerError when the output folder cannot be used, a model is not there or a process
    ends; no process is left then, nor after an interrupt.
    """
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'cannot use the output folder {options.output}: {error}') from error
    parameters = _parameters(options)
    environment = isolated_environment(os.environ, options.domain_id, options.output)
    with ChildProcesses(options.output, environment) as processes:
        for name, module in _MODULES.items():
            processes.start(name, module, ros_arguments(parameters[name]))
        address = ''
        while True:
            for name in _MODULES:
                if processes.exit_code(name) is not None:
                    raise EngineError(processes.failure(name))
            if not address and (address := _address(processes.log_tail('web'))):
                print(f'open {address} in a browser; Ctrl-C ends it', flush=True)
            time.sleep(_POLL_S)


def _parameters(options: DemoOptions) -> dict[str, dict[str, object]]:
    camera = options.camera
    return {
        'segmentation_node': {
            'model': str(find_model(options.model)),
            'engine': options.engine,
            'camera.height_m': camera.height_m,
            'camera.pitch_deg': camera.pitch_deg,
        },
        'image_source': {
            'source': options.source,
            'topic': options.topic,
            'pan': options.pan,
            'field_of_view_deg': camera.field_of_view_deg,
            'loop': True,
        },
        'web': {'port': options.port},
    }


def _address(log: str) -> str:
    found = re.search(r'the page is at (\S+)', log)
    return found[1] if found else ''
