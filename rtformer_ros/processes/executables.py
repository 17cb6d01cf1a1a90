# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Executables: all that `ros2 run rtformer_ros NAME` starts, also without an installation:

    python -m rtformer_ros.processes.executables NAME ARGUMENT ...

What they import takes up to a second. Ctrl-C and SIGTERM end them quietly from the beginning.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
import signal
import sys

INTERRUPTED = 130
"""Exit code of a tool that Ctrl-C or SIGTERM ended."""

PROGRAMS = {
    'image_source': 'rtformer_ros.ros.programs.image_source',
    'segmentation_node': 'rtformer_ros.ros.programs.segmentation_node',
    'web': 'rtformer_ros.ros.web.__main__',
}
"""Modules of the nodes, which end with 0 when they are told to."""

TOOLS = {
    'benchmark': 'rtformer_ros.tools.benchmark.__main__',
    'build_engine': 'rtformer_ros.tools.build_engine.__main__',
    'check_model': 'rtformer_ros.tools.check_model',
    'compare_networks': 'rtformer_ros.tools.compare_networks.__main__',
    'convert': 'rtformer_ros.tools.convert',
    'demo': 'rtformer_ros.tools.demo.__main__',
    'describe_model': 'rtformer_ros.tools.describe_model.__main__',
    'download': 'rtformer_ros.tools.download',
    'evaluate': 'rtformer_ros.tools.evaluate.__main__',
    'export': 'rtformer_ros.tools.export',
    'import_labels': 'rtformer_ros.tools.import_labels',
    'models': 'rtformer_ros.tools.models.__main__',
    'process_bag': 'rtformer_ros.tools.process_bag',
    'train': 'rtformer_ros.tools.train.__main__',
    'verify_gpu': 'rtformer_ros.tools.verify_gpu.__main__',
}
"""Modules of the tools, which end with `INTERRUPTED`."""


def main() -> int:
    """Run the executable that this process was started as; return its exit code."""
    if sys.argv[0] == __file__:
        del sys.argv[0]
    name = Path(sys.argv[0]).name if sys.argv else ''
    if name not in PROGRAMS | TOOLS:
        print(  # noqa: T201
            f'expected one of {", ".join(sorted(PROGRAMS | TOOLS))}, got {name!r}', file=sys.stderr
        )
        return 2
    end_quietly(0 if name in PROGRAMS else INTERRUPTED)
    module = importlib.import_module((PROGRAMS | TOOLS)[name])
    if name in TOOLS:
        # From here on there may be something to put away. Nodes have their own way to end.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        return int(module.main())
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)  # noqa: T201
        return INTERRUPTED


def end_quietly(exit_code: int) -> None:
    """End this process at once, and without a traceback, when SIGINT or SIGTERM comes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(exit_code))


if __name__ == '__main__':
    sys.exit(main())
