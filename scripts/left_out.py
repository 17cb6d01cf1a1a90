# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Say, at the end of `make test`, which tests could not run here and where they do."""

from __future__ import annotations

import importlib.util

from build_with_tensorrt import is_here
from chromium import find_chromium, NAMES


def main() -> None:
    """Print a line for each, or nothing where all tests can run."""
    if importlib.util.find_spec('launch_ros') is None:
        print(
            'launch files not run: launch_ros of ROS 2 is not installed here; in a sourced ROS 2 '
            'make test runs them, as .github/workflows/launch_files.yaml does'
        )
    if not is_here():
        print(
            'no plan built with a real parser and builder: TensorRT-RTX is not here; '
            'make build-with-tensorrt downloads it (91 MB)'
        )
    if find_chromium() is None:
        print(
            f'the web page not opened in a browser: none of {", ".join(NAMES)} is installed; '
            'sudo apt-get install chromium'
        )


if __name__ == '__main__':
    main()
