# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Building in the background, in a thread, for as long as that takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import threading
import time
from typing import TYPE_CHECKING

from rtformer_ros.engines import BuildProgress, BuildWatch, open_engine
from rtformer_ros.errors import EngineBuildCancelled, EngineError, RtformerError
from rtformer_ros.ros.model.engine_request import engine_request
from rtformer_ros.ros.model.status import progress_text

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rtformer_ros.engines import Engine
    from rtformer_ros.ros.interface.settings import ModelSettings

# The node has just opened a model and still starts: nobody shall wait for what is only better.
_START_S = 2.0
_POLL_S = 0.05


@dataclass(frozen=True)
class BuildJob:
    """
    What is built.

    text: what it is, for people; run: builds it, and returns the engine that came of it, None
    where it became part of one that is open; raises RtformerError. lasts: how long that may take,
    for people.
    """

    text: str
    run: Callable[[BuildWatch], Engine | None]
    lasts: str = 'minutes'


def model_job(settings: ModelSettings) -> BuildJob:
    """Return the job of opening the model of these settings."""
    return BuildJob(settings.text, lambda watch: _open_best(settings, watch))


def improvement_job(settings: ModelSettings, engine: Engine) -> BuildJob | None:
    """
    Return the job that would run the open model of these settings better; None for none.

    Of that comes another engine, or the open one takes frames.
    """
    if untried := engine.description.untried:
        text = f'{settings.text} with {untried}'
        return BuildJob(text, lambda watch: _try_model(settings, watch), 'some seconds')
    if engine.awaited_frames:
        text = f'{settings.text} and frames of {settings.frame_encoding}'
        return BuildJob(text, engine.add_frames)
    return None


def _try_model(settings: ModelSettings, watch: BuildWatch) -> Engine:
    started_s = time.monotonic()
    while time.monotonic() - started_s < _START_S:
        if watch.is_cancelled():
            raise EngineBuildCancelled('the trial was called off before it began')
        time.sleep(_POLL_S)
    return _open_best(settings, watch)


def _open_best(settings: ModelSettings, watch: BuildWatch) -> Engine:
    request = engine_request(settings, watch, gives_way=True)
    # Nobody waits for it here.
    return open_engine(replace(request, trials_later=False))


class BuildThread:
    """A thread that does one job; all methods but `join` return at once and are thread-safe."""

    def __init__(
        self,
        job: BuildJob,
        on_done: Callable[[], None],
        predecessor: BuildThread | None = None,
    ) -> None:
        """
        Start to build.

        on_done: called from the build's thread when it has ended, unless it was cancelled.
        predecessor: a cancelled build that is waited for: two compilers at once would share the
        device's memory, and falsify what the other measures.
        """
        self.job = job
        self._on_done = on_done
        self._predecessor = predecessor
        self._started_s = time.monotonic()
        self._progress = BuildProgress('starting', -1.0, 0.0)
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._is_done = False
        self._engine: Engine | None = None
        self._error: RtformerError | None = None
        # A daemon: a library that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name='model_build', daemon=True)
        self._thread.start()

    @property
    def progress(self) -> BuildProgress:
        """Return how far it is now."""
        last = self._progress
        return BuildProgress(last.phase, last.percent, time.monotonic() - self._started_s)

    @property
    def is_done(self) -> bool:
        """Return whether there is a result to take."""
        return self._is_done

    def check(self) -> None:
        """Raise RtformerError if the build has failed."""
        if self._error is not None:
            raise self._error

    def take(self) -> Engine | None:
        """Return what came of it, for the caller to close; raises RtformerError if it failed."""
        self.check()
        with self._lock:
            engine, self._engine = self._engine, None
        return engine

    def cancel(self) -> None:
        """Cancel the build; an engine that nobody took is closed."""
        with self._lock:
            self._cancelled.set()
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the compiler has ended; returns whether it did in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        if self._predecessor is not None:
            self._predecessor.join()
            self._predecessor = None
        engine, error = self._run()
        with self._lock:
            is_cancelled = self._cancelled.is_set()
            if not is_cancelled:
                self._engine, self._error, self._is_done = engine, error, True
        if not is_cancelled:
            self._on_done()
        elif engine is not None:
            engine.close()

    def _run(self) -> tuple[Engine | None, RtformerError | None]:
        watch = BuildWatch(self._note, self._cancelled.is_set)
        if self._cancelled.is_set():
            return None, EngineBuildCancelled('the build was cancelled before it began')
        try:
            return self.job.run(watch), None
        except RtformerError as error:
            return None, error
        except Exception as error:  # noqa: BLE001  it must end with a result, whatever happens
            return None, EngineError(f'{type(error).__name__}: {error}')

    def _note(self, progress: BuildProgress) -> None:
        self._progress = progress


class BackgroundBuild:
    """The one build that runs in the background, or whose result waits to be taken."""

    def __init__(self, logger: RcutilsLogger, on_done: Callable[[], None]) -> None:
        """Start empty; on_done is called from another thread when a build has ended."""
        self._logger = logger
        self._on_done = on_done
        self._build: BuildThread | None = None
        self._cancelled: BuildThread | None = None

    @property
    def progress(self) -> BuildProgress | None:
        """Return how far it is, None where nothing is built."""
        build = self._build
        return build.progress if build else None

    @property
    def is_done(self) -> bool:
        """Return whether there is a result to take, be it a failure."""
        build = self._build
        return build is not None and build.is_done

    def start(self, job: BuildJob) -> None:
        """Do a job instead of what was being built."""
        self.cancel()
        self._logger.info(
            f'building {job.text} in the background, which may take {job.lasts}; the result is '
            'kept for the next start'
        )
        self._build = BuildThread(job, self._on_done, self._cancelled)

    def check(self) -> None:
        """Raise RtformerError, and be empty, if the build has failed."""
        assert self._build is not None
        try:
            self._build.check()
        except BaseException:
            self._build = None
            raise

    def take(self) -> Engine | None:
        """Return what came of the job and be empty; raises RtformerError if it has failed."""
        build, self._build = self._build, None
        assert build is not None
        return build.take()

    def cancel(self, timeout_s: float = 0.0) -> None:
        """Cancel the build, and wait that long for its compiler to end."""
        build, self._build = self._build, None
        if build is not None:
            self._logger.info(f'cancelling the build of {build.job.text}')
            build.cancel()
            self._cancelled = build
        if timeout_s > 0 and self._cancelled is not None:
            self._cancelled.join(timeout_s)

    def log_progress(self) -> bool:
        """Log how far the build is; returns whether one is running."""
        build = self._build
        if build is None or build.is_done:
            return False
        self._logger.info(f'building {build.job.text}: {progress_text(build.progress)}')
        return True
