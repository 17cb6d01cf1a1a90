# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Say, as the last line of `make test`, which tests could not run here and where they do."""

from __future__ import annotations

import importlib.util


def main() -> None:
    """Print one line, or nothing where all tests can run."""
    if importlib.util.find_spec('launch_ros') is None:
        print(
            'launch files not run: launch_ros of ROS 2 is not installed here; in a sourced ROS 2 '
            'make test runs them, as .github/workflows/launch_files.yaml does'
        )


if __name__ == '__main__':
    main()
