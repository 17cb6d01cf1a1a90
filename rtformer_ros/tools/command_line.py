# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Command-line conventions of the tools: an error is one line, a size is HxW."""

from __future__ import annotations

from collections.abc import Callable
import sys

from rtformer_ros.errors import ConfigError, pip_install, RtformerError


def run_tool(name: str, work: Callable[[], int]) -> int:
    """
    Return the exit code of a tool's work.

    An RtformerError, a library that is not installed, or what the system refuses (as a full disk
    does), becomes one line on stderr and 1.
    """
    try:
        return work()
    except RtformerError as error:
        print(f'{name}: {error}', file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f'{name}: needs {error.name}: {pip_install(error.name or "")}', file=sys.stderr)
    except OSError as error:
        print(f'{name}: {error}', file=sys.stderr)
    return 1


def parse_size(
    text: str, option: str = '--size', example: str = '360x480'
) -> tuple[int, int] | None:
    """Return (height, width) of the value of an option, None for ''; raises ConfigError."""
    height, _, width = text.partition('x')
    if text and not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"{option} is '{text}'; expected HEIGHTxWIDTH, as {example}")
    return (int(height), int(width)) if text else None
