# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Command-line conventions of the tools: an error is one line, a size is HxW."""

from __future__ import annotations

from collections.abc import Callable
import re
import sys

from rtformer_ros.errors import ConfigError, pip_install, RtformerError, shown
from rtformer_ros.processes.executables import INTERRUPTED

_OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory|Insufficient memory")


def run_tool(name: str, work: Callable[[], int], interrupted: str = 'interrupted') -> int:
    """
    Return the exit code of a tool's work.

    An RtformerError, a library that is not installed, or what the system refuses (a full disk,
    memory), becomes one line on stderr and 1; Ctrl-C becomes the line `interrupted` and
    INTERRUPTED.
    """
    try:
        return work()
    except RtformerError as error:
        print(f'{name}: {error}', file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f'{name}: needs {error.name}: {pip_install(error.name or "")}', file=sys.stderr)
    except OSError as error:
        print(f'{name}: {error}', file=sys.stderr)
    # OpenCV has an error of its own for it, PyTorch none.
    except Exception as error:
        if not (isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error))):
            raise
        print(f'{name}: {_out_of_memory(error)}', file=sys.stderr)
    except KeyboardInterrupt:
        print(f'{name}: {interrupted}', file=sys.stderr)
        return INTERRUPTED
    return 1


def _out_of_memory(error: Exception) -> str:
    reason = shown(str(error).partition('\n')[0]) or 'no more can be had'
    return f'there is not enough memory ({reason}); choose smaller images, crops or batches'


def parse_size(
    text: str, option: str = '--size', example: str = '360x480'
) -> tuple[int, int] | None:
    """Return (height, width) of the value of an option, None for ''; raises ConfigError."""
    height, _, width = text.partition('x')
    if text and not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"{option} is '{text}'; expected HEIGHTxWIDTH, as {example}")
    return (int(height), int(width)) if text else None
