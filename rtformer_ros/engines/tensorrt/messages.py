# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""TensorRT's log messages, which are often the only place that says why something failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
import functools
import logging
import re
import threading
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import EngineBuildError, EngineBuildOutOfMemory

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.engines.request import BuildOptions
    from rtformer_ros.engines.tensorrt.bindings import Bindings


_logger = logging.getLogger(__name__)

_KEPT_MESSAGES = 100
_SHOWN_MESSAGES = 5


class MessageLog:
    """The first errors and the last warnings of TensorRT; for any thread."""

    def __init__(self) -> None:
        """Start without messages."""
        self._errors: list[str] = []
        self._warnings: deque[str] = deque(maxlen=_KEPT_MESSAGES)

    def add(self, text: str, *, is_error: bool) -> None:
        """Keep a message, unless there are a hundred errors: the first tells the cause."""
        if not is_error:
            self._warnings.append(text.strip())
        elif len(self._errors) < _KEPT_MESSAGES:
            self._errors.append(text.strip())

    @property
    def errors(self) -> list[str]:
        """Return the errors, oldest first."""
        return list(self._errors)

    @property
    def warnings(self) -> list[str]:
        """Return the warnings, oldest first."""
        return list(self._warnings)

    def reason(self) -> str:
        """Return one line for people: the first errors, else the last warnings, in its words."""
        said = self.errors[:_SHOWN_MESSAGES] or self.warnings[-_SHOWN_MESSAGES:]
        return 'TensorRT says: ' + (' | '.join(said) if said else 'nothing')


_listeners: list[MessageLog] = []
# Re-entrant: what Python frees while it is held may be an object of TensorRT that logs.
_listeners_lock = threading.RLock()


@contextmanager
def listening() -> Iterator[MessageLog]:
    """Collect what TensorRT says in this process until the end of the block, in all threads."""
    messages = MessageLog()
    with _listeners_lock:
        _listeners.append(messages)
    try:
        yield messages
    finally:
        with _listeners_lock:
            _listeners.remove(messages)


_making = threading.Lock()


def shared_logger(trt: Bindings) -> Any:
    """
    Return the ILogger for every Builder, Runtime and parser of this process.

    There is one, that is never freed, because that is how TensorRT has it: as long as objects of
    the first logger exist, those made with another use the first, even after its end.
    """
    with _making:
        return _make_logger(trt)


@functools.cache
def _make_logger(trt: Bindings) -> Any:
    levels = trt.ILogger.Severity
    errors = (levels.INTERNAL_ERROR, levels.ERROR)

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        """Hand messages to Python's logging and to those who listen."""

        def log(self, severity: Any, msg: str) -> None:
            # What is less than a warning comes by the ten thousand.
            if severity in errors or severity == levels.WARNING:
                _spread(msg, is_error=severity in errors)

    return Logger()


def _spread(text: str, *, is_error: bool) -> None:
    with _listeners_lock:
        listeners = list(_listeners)
    for each in listeners:
        each.add(text, is_error=is_error)
    # An error becomes part of an exception that is logged by whoever catches it.
    _logger.log(logging.INFO if listeners and is_error else logging.WARNING, 'TensorRT: %s', text)


OUT_OF_MEMORY = re.compile(
    r'out of ?memory|outofmemory|bad_?alloc|memoryallocation|could not be allocated|'
    r'(could not|failed to|unable to) allocate',
    re.IGNORECASE,
)
"""What TensorRT and CUDA say where memory is short."""

# A tactic that is skipped for it is no failure, but often the reason why none was left.
_SMALL_WORKSPACE = re.compile(
    r'insufficient workspace|insufficient memory on requested size|insufficient to use tactic|'
    r'increas\w+ (the )?workspace',
    re.IGNORECASE,
)
_NONE_LEFT = re.compile('could not find any implementation', re.IGNORECASE)


def is_none_left(messages: MessageLog) -> bool:
    """Return whether TensorRT found no kernel for a layer under the conditions that it was set."""
    return _NONE_LEFT.search(' '.join(messages.errors)) is not None


def build_failure(
    messages: MessageLog, onnx_path: Path, options: BuildOptions
) -> EngineBuildError:
    """Return the error for a model that TensorRT did not compile: its words, cause and cure."""
    errors, warnings = ' '.join(messages.errors), ' '.join(messages.warnings)
    has_none = is_none_left(messages)
    kind = EngineBuildError
    if OUT_OF_MEMORY.search(errors) or (has_none and OUT_OF_MEMORY.search(warnings)):
        kind = EngineBuildOutOfMemory
        cause = (
            'there is not enough memory to compile it; use a smaller workspace_mib (now '
            f'{options.workspace_mib}), a lower optimization_level (now '
            f'{options.optimization_level}), or close other programs'
        )
    elif _SMALL_WORKSPACE.search(errors) or (has_none and _SMALL_WORKSPACE.search(warnings)):
        cause = (
            f'a workspace_mib of {options.workspace_mib} is too small for it; use twice as much'
        )
    else:
        cause = (
            'use a lower optimization_level or precision fp32, and check the model with ONNX '
            'Runtime (engine onnxruntime)'
        )
    return kind(f'TensorRT could not compile {onnx_path}: {cause}. {messages.reason()}')
