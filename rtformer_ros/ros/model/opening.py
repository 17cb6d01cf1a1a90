# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Opening of models in threads that can be abandoned, so that no file can hold the node up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import logging
import threading
from typing import Any, Generic, TYPE_CHECKING, TypeVar

from rtformer_ros.engines import BuildWatch, needs_build, open_engine
from rtformer_ros.errors import EngineBuildNeeded, EngineError, RtformerError
from rtformer_ros.ros.model.engine_request import engine_request

if TYPE_CHECKING:
    from rtformer_ros.engines import Engine, EngineRequest
    from rtformer_ros.ros.interface.settings import ModelSettings

_logger = logging.getLogger(__name__)

T = TypeVar('T')

_MOST_ABANDONED = 2


class ModelOpener:
    """
    Opener of models, each in a thread of its own and within a time limit.

    What takes longer is interrupted where its library can be, and otherwise left to itself; the
    engine that it may still come to is closed.
    """

    def __init__(self, trusted: ModelSettings) -> None:
        """
        Start with nothing abandoned.

        trusted: the model that the node was started with. It is loaded in this process as long as
        no engine is at work that would have to wait; any other is prepared in another one first:
        a model file may make its library hold Python's lock.
        """
        self._trusted = trusted
        self._has_opened = False
        self._abandoned: list[_Work[Any]] = []

    def open(self, settings: ModelSettings, timeout_s: float) -> Engine | None:
        """
        Return the engine of a model, None where that must be built first.

        timeout_s: from the moment of the call. Raises EngineError where it takes longer, and what
        `engine_request`, `needs_build` and `open_engine` raise.
        """
        engine = self._in_time(_open, settings, timeout_s)
        self._has_opened = self._has_opened or engine is not None
        return engine

    def needs_build(self, settings: ModelSettings, timeout_s: float) -> bool:
        """Return what `needs_build` says of a model; raises as `open`."""
        return self._in_time(needs_build, settings, timeout_s)

    def _in_time(
        self, do: Callable[[EngineRequest], T], settings: ModelSettings, timeout_s: float
    ) -> T:
        self._abandoned = [work for work in self._abandoned if work.is_running]
        if len(self._abandoned) >= _MOST_ABANDONED:
            raise EngineError(
                f'{len(self._abandoned)} models whose opening was given up still occupy the '
                'processor; wait for them to end, or start the node anew'
            )
        work = _Work(do, settings, gives_way=self._has_opened or settings != self._trusted)
        if not work.wait(timeout_s):
            self._abandoned.append(work)
            message = (
                f'opening {settings.text} was given up after {timeout_s:g} s; raise '
                'model_open_timeout_s if there is nothing wrong with the model'
            )
            _logger.warning('%s', message)
            raise EngineError(message)
        return work.result()


class _Work(Generic[T]):
    """Work on one model, in a thread."""

    def __init__(
        self, do: Callable[[EngineRequest], T], settings: ModelSettings, *, gives_way: bool
    ) -> None:
        self._do = do
        self._settings = settings
        self._gives_way = gives_way
        self._is_abandoned = threading.Event()
        self._lock = threading.Lock()
        self._done: list[T] = []
        self._error: Exception | None = None
        # A daemon: a library that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name='model_opening', daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, timeout_s: float) -> bool:
        """Return whether it is done in time; else it is abandoned."""
        self._thread.join(timeout_s)
        with self._lock:
            is_done = bool(self._done) or self._error is not None
            if not is_done:
                self._is_abandoned.set()
            return is_done

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._done[0]

    def _run(self) -> None:
        watch = BuildWatch(is_cancelled=self._is_abandoned.is_set)
        done: list[T] = []
        error: Exception | None = None
        try:
            request = engine_request(self._settings, watch, gives_way=self._gives_way)
            done.append(self._do(request))
        except RtformerError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001  whoever waits must hear of it
            error = EngineError(f'{type(failure).__name__}: {failure}')
            error.__cause__ = failure
        with self._lock:
            is_abandoned = self._is_abandoned.is_set()
            if not is_abandoned:
                self._done, self._error = done, error
        if is_abandoned:
            for each in done:
                _close(each)


def _open(request: EngineRequest) -> Engine | None:
    if needs_build(request):
        return None
    try:
        return open_engine(replace(request, may_build=False))
    except EngineBuildNeeded:
        # What was compiled before is of no use any more, which only opening it shows.
        return None


def _close(result: object) -> None:
    """Close the engine that nobody waits for any more."""
    close = getattr(result, 'close', None)
    if close is not None:
        close()
