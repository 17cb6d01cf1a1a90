# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The loader of models: owns the current engine and replaces it by the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rtformer_ros.engines import compiles
from rtformer_ros.errors import ConfigError, EngineUnavailable, RtformerError
from rtformer_ros.files.packaged_files import model_licence
from rtformer_ros.ros.frames.config import configure_frames, CurrentConfig, open_ignore_mask
from rtformer_ros.ros.interface.node_settings import FRAME_CONFIG_PARAMETERS, NodeSettings
from rtformer_ros.ros.model.background_build import BackgroundBuild, improvement_job, model_job
from rtformer_ros.ros.model.opening import ModelOpener
from rtformer_ros.ros.model.state import (
    activate,
    activate_fallback,
    activate_substitute,
    BuildState,
    cancel_build,
    clear_errors,
    end_improvement,
    fail_build,
    fills_in_for,
    keep_model,
    NoModel,
    OpenState,
    pending_build,
    release,
    Running,
    RunningWhileBuilding,
    start_build,
    start_improvement,
    update_frame_settings,
)
from rtformer_ros.ros.model.status import engine_text, ModelStatus, status_of
from rtformer_ros.stream.cached import Cached

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rtformer_ros.engines import Engine
    from rtformer_ros.ros.frames.config import FrameConfig
    from rtformer_ros.ros.interface.parameter_spec import ParameterValue
    from rtformer_ros.ros.interface.settings import FrameSettings, ModelSettings
    from rtformer_ros.ros.model.state import LoaderState


class ModelLoader:
    """
    Opens models, at once or in the background, and activates the configuration of frames.

    current: the configuration of frames. The methods are called one at a time; `status` may be
    read at any time.
    """

    def __init__(
        self, logger: RcutilsLogger, on_build_done: Callable[[], None], trusted: ModelSettings
    ) -> None:
        """
        Start without a model.

        on_build_done: called from another thread, see `adopt_build`. trusted: see ModelOpener.
        """
        self.current = CurrentConfig()
        self._opener = ModelOpener(trusted)
        self._background = BackgroundBuild(logger, on_build_done)
        self._logger = logger
        self._state: LoaderState = NoModel()
        self._told_licences: set[str] = set()
        # Read when another is named, so that what becomes of the file disturbs no other change.
        self._ignored = Cached(open_ignore_mask)

    @property
    def status(self) -> ModelStatus:
        """Return how things are now."""
        config = self.current.config
        engine = config.engine.description if config else None
        return status_of(self._state, engine, self._background.progress)

    @property
    def current_values(self) -> Mapping[str, ParameterValue]:
        """Return the parameters that the current model and frames were configured with."""
        values = self._open_state.settings.values
        return {name: values[name] for name in FRAME_CONFIG_PARAMETERS}

    # ---- the build ----------------------------------------------------------------------------

    @property
    def is_build_done(self) -> bool:
        """Return whether there is a result to adopt, be it a failure."""
        return self._background.is_done

    def log_build_progress(self) -> bool:
        """Log how far the build is; returns whether one is running."""
        return self._background.log_progress()

    def cancel_build(self, timeout_s: float = 0.0) -> None:
        """Cancel the build, and wait that long for its compiler to end."""
        self._background.cancel(timeout_s)
        self._state = cancel_build(self._state)

    def adopt_build(self, settings: NodeSettings) -> bool:
        """
        Use what was built, with the present settings; call it when `is_build_done`.

        Without a model `configure` is what takes the engine. Returns whether all is well; False
        with a model says that it stays, and the parameters should be `current_values`.
        """
        config = self.current.config
        if config is not None and isinstance(self._state, Running) and self._state.improvement:
            self._end_improvement(config, self._state)
            return True
        try:
            if config is None:
                self._background.check()
            else:
                engine = self._take_engine()
                self._exchange(config, engine, settings, engine.description.passed_over)
        except RtformerError as error:
            self._fail_build(config, str(error))
            return False
        return True

    # ---- without a model ----------------------------------------------------------------------

    def configure(self, settings: NodeSettings) -> bool:
        """
        Activate the model of the settings, or start to build it.

        Returns whether a model runs now, be it the fallback; if not, call again after
        on_build_done. Raises RtformerError, which the status keeps.
        """
        self._state = clear_errors(self._state)
        try:
            return self._configure(settings)
        except RtformerError as error:
            self._state = NoModel(str(error))
            raise

    def may_configure_now(self, settings: NodeSettings) -> bool:
        """Tell whether `configure` with other settings may lead further than the last time."""
        building = pending_build(self._state)
        if building is None:
            return isinstance(self._state, NoModel) and bool(self._state.error)
        return settings.model != building or bool(settings.engine_fallback)

    def release(self) -> None:
        """Close the engine and cancel a build."""
        self._background.cancel()
        config = self.current.config
        self.current.replace(None)
        self._state = release(self._state)
        if config is not None:
            config.engine.close()

    # ---- with a model -------------------------------------------------------------------------

    def apply(self, config: FrameConfig, settings: NodeSettings) -> None:
        """
        Make the frames after the present one with other settings.

        A model that must be built first is activated later, by `adopt_build`. Raises RtformerError
        and changes nothing for settings that cannot be.
        """
        state, model = self._open_state, settings.model
        if self._is_active(config, settings):
            self._update_frames(config, settings)
            self._state = running = keep_model(state, settings)
            if not running.improvement:
                self._background.cancel()
                self._start_improvement(running, config.engine)
        elif isinstance(state, RunningWhileBuilding) and model == state.building:
            self._update_or_defer_frames(config, settings, may_defer=state.has_deferred_frames)
        elif isinstance(state, Running) and model == state.failed_model:
            self._update_frames(config, settings)
        else:
            self._change_model(config, settings)

    # ---- inside -------------------------------------------------------------------------------

    @property
    def _open_state(self) -> OpenState:
        assert isinstance(self._state, OpenState), self._state
        return self._state

    def _configure(self, settings: NodeSettings) -> bool:
        if pending_build(self._state) == settings.model:
            return self._use_build_or_fallback(settings)
        try:
            engine = self._opener.open(settings.model, settings.model_open_timeout_s)
        except EngineUnavailable as error:
            self.cancel_build()
            if not settings.engine_fallback:
                raise
            self._use_substitute(settings, error)
            return True
        except RtformerError:
            self.cancel_build()
            raise
        if engine is None:
            self._start_build(settings.model)
            return self._use_fallback(settings)
        self.cancel_build()
        self._activate(self._config_or_close(engine, settings.frame), settings)
        return True

    def _use_build_or_fallback(self, settings: NodeSettings) -> bool:
        if not self._background.is_done:
            return self._use_fallback(settings)
        engine = self._take_engine()
        config = self._config_or_close(engine, settings.frame)
        self._activate(config, settings, engine.description.passed_over)
        return True

    def _use_fallback(self, settings: NodeSettings) -> bool:
        """Return whether another engine runs until the build is done."""
        if not settings.engine_fallback:
            return False
        try:
            fallback, config = self._open_fallback(settings)
        except RtformerError as error:
            self._logger.warning(f'engine_fallback cannot run during the build: {error}')
            return False
        if not isinstance(self._state, BuildState):
            # The node has begun to end meanwhile, which cancels the build.
            config.engine.close()
            return False
        self._use(config)
        self._state = activate_fallback(self._state, fallback)
        self._logger.info(f'until the build is done: {_text(config)}')
        return True

    def _use_substitute(self, settings: NodeSettings, unavailable: EngineUnavailable) -> None:
        """Run the fallback engine in place of one that cannot be had; raises EngineUnavailable."""
        try:
            fallback, config = self._open_fallback(settings)
        except RtformerError as error:
            raise EngineUnavailable(
                f'{unavailable}; engine_fallback cannot run either: {error}'
            ) from error
        self._use(config)
        self._state = activate_substitute(fallback, settings.model, str(unavailable))
        self._logger.warning(f'{unavailable}; engine_fallback runs instead: {_text(config)}')

    def _open_fallback(self, settings: NodeSettings) -> tuple[NodeSettings, FrameConfig]:
        """Open the engine that fills in, for the same frames; raises RtformerError."""
        fallback = settings.of_fallback()
        engine = self._opener.open(fallback.model, settings.model_open_timeout_s)
        if engine is None:
            raise EngineUnavailable(
                f'{settings.engine_fallback} would have to build the model, too'
            )
        return fallback, self._config_or_close(engine, settings.frame)

    def _is_active(self, config: FrameConfig, settings: NodeSettings) -> bool:
        """Tell whether the current engine is what these settings would open."""
        active, wanted = self._open_state.settings.model, settings.model
        if wanted == active:
            return True
        if replace(wanted, build=active.build) != active:
            return False
        if compiles(config.engine.description.engine):
            return False
        return not self._opener.needs_build(wanted, settings.model_open_timeout_s)

    def _change_model(self, config: FrameConfig, settings: NodeSettings) -> None:
        try:
            engine = self._opener.open(settings.model, settings.model_open_timeout_s)
        except EngineUnavailable as error:
            if not (settings.engine_fallback and fills_in_for(self._state, settings.model)):
                raise
            self._use_substitute(settings, error)
            config.engine.close()
            return
        if engine is not None:
            self._exchange(config, engine, settings)
            return
        new, old = settings.model, self._open_state.settings.model
        is_other = (new.model, new.labels) != (old.model, old.labels)
        is_deferred = self._update_or_defer_frames(config, settings, may_defer=is_other)
        self._start_build(new, has_deferred_frames=is_deferred)

    def _start_build(self, model: ModelSettings, *, has_deferred_frames: bool = False) -> None:
        self._state = start_build(self._state, model, has_deferred_frames=has_deferred_frames)
        self._background.start(model_job(model))

    def _take_engine(self) -> Engine:
        engine = self._background.take()
        assert engine is not None
        return engine

    def _start_improvement(self, running: Running, engine: Engine) -> None:
        """Build what runs the open model better than its engine does as it opened, if anything."""
        job = improvement_job(running.settings.model, engine)
        if job is not None:
            self._state = start_improvement(running, job.text)
            self._background.start(job)

    def _end_improvement(self, config: FrameConfig, running: Running) -> None:
        engine = config.engine
        untried, encoding = engine.description.untried, running.settings.model.frame_encoding
        self._state = end_improvement(running)
        try:
            better = self._background.take()
            if better is not None:
                passed_over = running.build_error and better.description.passed_over
                self._exchange(config, better, running.settings, passed_over)
        except RtformerError as error:
            what = f'cannot build {running.improvement}: {error}'
            self._logger.warning(f'{what}. {_text(config)} runs on as it is')
            if untried:
                engine.note_choice(f'{untried} cannot run it: {error}')
            else:
                self._state = end_improvement(running, str(error))
            return
        if better is None:
            self._logger.info(
                f'frames of {encoding} go in as they come from now on: {_text(config)}'
            )

    def _exchange(
        self, config: FrameConfig, engine: Engine, settings: NodeSettings, build_error: str = ''
    ) -> None:
        new = self._config_or_close(engine, settings.frame)
        self._activate(new, settings, build_error)
        config.engine.close()
        self._logger.info(f'exchanged the model: now {_text(new)}')

    def _activate(
        self, config: FrameConfig, settings: NodeSettings, build_error: str = ''
    ) -> None:
        self._use(config)
        self._background.cancel()
        self._state = running = activate(settings, build_error)
        self._start_improvement(running, config.engine)

    def _use(self, config: FrameConfig) -> None:
        """Make the frames with another model, and tell its licence once."""
        self.current.replace(config)
        model = config.engine.description.model
        licence = model_licence(model)
        if licence and licence not in self._told_licences:
            self._told_licences.add(licence)
            self._logger.info(f'licence of {model.name}: {licence}')

    def _update_frames(self, config: FrameConfig, settings: NodeSettings) -> None:
        """Make the frames of the current model with other settings; raises ConfigError."""
        state = self._open_state
        if settings.frame != state.settings.frame:
            self.current.replace(self._frames_config(config.engine, settings.frame))
        self._state = update_frame_settings(state, settings)

    def _frames_config(self, engine: Engine, settings: FrameSettings) -> FrameConfig:
        return configure_frames(engine, settings, self._ignored(settings.ignore_mask))

    def _config_or_close(self, engine: Engine, settings: FrameSettings) -> FrameConfig:
        try:
            return self._frames_config(engine, settings)
        except RtformerError:
            engine.close()
            raise

    def _update_or_defer_frames(
        self, config: FrameConfig, settings: NodeSettings, *, may_defer: bool
    ) -> bool:
        """
        Make the frames with other settings until the model that is being built is there.

        may_defer: settings that do not fit the classes of the current model are for the next one,
        with which they came. Returns whether that is so; raises ConfigError where it may not be.
        """
        try:
            self._update_frames(config, settings)
        except ConfigError as error:
            if not may_defer:
                raise
            self._logger.info(f'deferred until the model is built: {error}')
            return True
        return False

    def _fail_build(self, config: FrameConfig | None, reason: str) -> None:
        state = self._state
        assert isinstance(state, BuildState), state
        what = f'cannot build {state.building.text}: {reason}'
        self._state = fail_build(state, reason)
        if config is None:
            self._logger.error(what)
        else:
            self._logger.error(
                f'{what}. {_text(config)} continues to run, and the parameters are set back to it'
            )


def _text(config: FrameConfig) -> str:
    return engine_text(config.engine.description)
