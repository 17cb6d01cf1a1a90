"""Have at most one build go on, beside whatever runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rtformer_ros.ros.model_build import ModelBuild
from rtformer_ros.ros.model_status import progress_text

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger

    from rtformer_ros.engines import BuildProgress, Engine
    from rtformer_ros.ros.settings import ModelSettings


class BuildSlot:
    """The build that goes on or whose result waits to be taken, and no other."""

    def __init__(self, logger: RcutilsLogger, on_done: Callable[[], None]) -> None:
        """Start empty; on_done is called from another thread when a build has ended."""
        self._logger = logger
        self._on_done = on_done
        self._build: ModelBuild | None = None
        self._cancelled: ModelBuild | None = None

    @property
    def settings(self) -> ModelSettings | None:
        """Return what is being built or was built, None for nothing."""
        build = self._build
        return build.settings if build else None

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

    def start(self, settings: ModelSettings) -> None:
        """Build a model, instead of what was being built."""
        self.cancel()
        self._logger.info(
            f'building {settings.text} in the background, which may take minutes; it is kept for '
            'the next start'
        )
        self._build = ModelBuild(settings, self._on_done, self._cancelled)

    def check(self) -> None:
        """Raise RtformerError, and be empty, if the build has failed."""
        assert self._build is not None
        try:
            self._build.check()
        except BaseException:
            self._build = None
            raise

    def take(self) -> Engine:
        """Return the engine and be empty; raises RtformerError if the build has failed."""
        build, self._build = self._build, None
        assert build is not None
        return build.take()

    def cancel(self, timeout_s: float = 0.0) -> None:
        """Call the build off, and wait that long for its compiler to end."""
        build, self._build = self._build, None
        if build is not None:
            self._logger.info(f'calling off the build of {build.settings.text}')
            build.cancel()
            self._cancelled = build
        if timeout_s > 0 and self._cancelled is not None:
            self._cancelled.join(timeout_s)

    def log_progress(self) -> bool:
        """Log how far the build is; returns whether one goes on."""
        build = self._build
        if build is None or build.is_done:
            return False
        self._logger.info(f'building {build.settings.text}: {progress_text(build.progress)}')
        return True
