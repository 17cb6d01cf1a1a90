# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Define every error this package raises on purpose.

::

    RtformerError
    |-- ConfigError           a parameter, option or label file asks for something that cannot be
    |-- ImageError            a picture or image message cannot be read as its header says
    |-- ModelError            a model file is missing, broken or not what it claims to be
    |   `-- CheckpointError   ... namely a set of trained weights
    |-- EngineError           an engine failed to open or to run
    |   |-- EngineUnavailable its library or its device is not on this machine
    |   |-- EngineClosed      it was used after close()
    |   |-- EngineBuildError  its compiler failed, or made something that is not right
    |   |   `-- EngineBuildOutOfMemory  ... as there was not enough memory, this time
    |   `-- EngineBuildCancelled  the building was called off
    |-- NodeUnreachable       another node is not there, or does not answer
    |-- GeometryError         a calibration or pose from which nothing can be projected
    `-- DownloadError         a file cannot be fetched, written or trusted
        `-- DigestError       ... as it is not the file that was expected

Errors of other libraries are translated into one of these where the library is called, so that
a caller who catches RtformerError has caught everything that bad input can cause.
Each message says what was expected, what came and how to mend it. What came from a file or from
another program is shown by `quoted`, `shown`, `listed` and `shown_path`: no message grows with
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
import sys

NUMPY_2_PYTHON = (3, 13)
"""The first Python for which there is no numpy 1."""

_QUOTED_CHARACTERS = 80
_LISTED_CHARACTERS = 400
_PATH_CHARACTERS = 255
# Where a module comes in a project of another name.
_PROJECTS = {'cv2': 'opencv-python-headless', 'yaml': 'PyYAML'}


def quoted(value: object) -> str:
    """Return the repr of foreign data, cut to 80 characters; control characters are escaped."""
    if isinstance(value, str | bytes):
        value = value[:_QUOTED_CHARACTERS]
    return _cut(repr(value), _QUOTED_CHARACTERS)


def shown(text: str, characters: int = _QUOTED_CHARACTERS) -> str:
    """Return foreign text without quotes, cut to some characters; control ones are escaped."""
    # Not the repr of the whole: that would double the backslashes of what is escaped already.
    escaped = (c if c.isprintable() else repr(c)[1:-1] for c in text[: characters + 1])
    return _cut(''.join(escaped), characters)


def listed(names: Iterable[object]) -> str:
    """Return foreign names for a message, separated by commas and cut to 400 characters."""
    parts: list[str] = []
    length = 0
    for name in names:
        parts.append(shown(str(name)))
        length += len(parts[-1]) + 2
        if length > _LISTED_CHARACTERS:
            break
    return _cut(', '.join(parts), _LISTED_CHARACTERS)


def kind_of(value: object) -> str:
    """
    Return what a value from a file is: a number itself, else as 'a text of 7 characters'.

    For files that strangers may name: whoever sets a path must not read the file in the refusal.
    """
    if value is None:
        return 'nothing'
    if isinstance(value, int | float):
        # Digits of a long integer are text, too.
        return f'{value}' if abs(value) < 1e9 or value != value else 'a number beyond 1e9'
    if isinstance(value, str):
        return f'a text of {len(value)} characters'
    if isinstance(value, list | tuple):
        return f'a list of {len(value)}'
    return 'a mapping' if isinstance(value, dict) else f'a {type(value).__name__}'


def shown_path(path: Path) -> str:
    """Return a path for a message, cut to 255 characters; control characters are escaped."""
    return shown(str(path), _PATH_CHARACTERS)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f'{text[: characters - 3]}...'


def pip_install(*modules: str) -> str:
    """
    Return the command that installs what modules come in, and where it may be typed.

    ROS 2's messages are built for NumPy below 2, which pip would replace; from Python 3.13 on
    there is none for them to be built for.
    """
    names = [_PROJECTS.get(module, module) for module in modules]
    numpy = ["'numpy<2'"] if sys.version_info < NUMPY_2_PYTHON else []
    return (
        f'python3 -m pip install {" ".join([*numpy, *names])} (on Ubuntu 24.04 in a venv with '
        '--system-site-packages)'
    )


class RtformerError(Exception):
    """Stand for anything that went wrong for a reason outside this code."""


class ConfigError(RtformerError, ValueError):
    """Report a setting that cannot be honoured."""


class ImageError(RtformerError, ValueError):
    """Report image data that does not fit its own description."""


class ModelError(RtformerError):
    """Report a model file that cannot be used."""


class CheckpointError(ModelError):
    """Report a weights file that cannot be used, naming the key at fault."""


class EngineError(RtformerError):
    """Report an engine that cannot open its model or run it."""


class EngineUnavailable(EngineError):
    """Report an engine whose library or device is missing here."""


class EngineClosed(EngineError):
    """Report the use of an engine after it was closed."""


class EngineBuildError(EngineError):
    """Report a model that could not be compiled, or a compiled one that is not right."""


class EngineBuildOutOfMemory(EngineBuildError):
    """Report a compiler that ran out of memory, or was killed, as happens then."""


class EngineBuildCancelled(EngineError):
    """Report a build that its caller called off."""


class EngineBuildNeeded(EngineError):
    """Report a model that must be compiled first, to a caller who does not wait for that."""


class NodeUnreachable(RtformerError):
    """Report another node that is not there, or does not answer."""


class GeometryError(RtformerError, ValueError):
    """Report a camera calibration or pose from which nothing can be projected."""


class DownloadError(RtformerError):
    """Report a file that cannot be fetched, written or trusted."""


class DigestError(DownloadError):
    """Report a file that came whole and is another one than was expected."""
