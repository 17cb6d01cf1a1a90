"""Own the engine in force, and see to it that it becomes the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rtformer_ros.engines import compiles, needs_build, open_engine
from rtformer_ros.errors import ConfigError, RtformerError
from rtformer_ros.ros.frames.config import PlanSlot, make_plan
from rtformer_ros.ros.interface.node_settings import PLAN_PARAMETERS, NodeSettings
from rtformer_ros.ros.model.background_build import BuildSlot
from rtformer_ros.ros.model.engine_request import engine_request
from rtformer_ros.ros.model.status import ModelStatus, engine_text

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger

    from rtformer_ros.engines import Engine
    from rtformer_ros.ros.frames.config import FramePlan
    from rtformer_ros.ros.interface.node_settings import FrameSettings, ModelSettings
    from rtformer_ros.ros.interface.parameter_spec import ParameterValue

# The compiler of an engine times the device's kernels, which must not have other work meanwhile.
_FALLBACK_VALUES: Mapping[str, ParameterValue] = {'device': 'cpu', 'precision': 'auto'}


class ModelLoader:
    """
    Opens models, at once or in the background, and puts the plan of the frames in force.

    slot: the plan in force; builds: what goes on in the background. The methods are called one at
    a time; `status` may be read at any time.
    """

    def __init__(self, logger: RcutilsLogger, on_build_done: Callable[[], None]) -> None:
        """Start without a model; on_build_done is called from another thread, see `settle`."""
        self.slot = PlanSlot()
        self.builds = BuildSlot(logger, on_build_done)
        self._logger = logger
        self._in_force: NodeSettings | None = None
        self._is_fallback = False
        self._error = ''
        self._build_error = ''
        # Not tried again unless something else was wanted meanwhile.
        self._failed: ModelSettings | None = None
        # Whether the frames' settings do not fit the model in force, but the one being built.
        self._frame_waits = False

    @property
    def status(self) -> ModelStatus:
        """Return how things are now."""
        plan, building = self.slot.plan, self.builds.settings
        return ModelStatus(
            engine=plan.segmenter.engine.description if plan else None,
            error=self._error,
            is_fallback=self._is_fallback,
            building=building.text if building else '',
            progress=self.builds.progress,
            build_error=self._build_error,
        )

    @property
    def values_in_force(self) -> Mapping[str, ParameterValue]:
        """Return the parameters that the plan in force was made with, of those that matter."""
        assert self._in_force is not None
        return {name: self._in_force.values[name] for name in PLAN_PARAMETERS}

    # ---- without a model ----------------------------------------------------------------------

    def configure(self, settings: NodeSettings) -> bool:
        """
        Put the model of the settings in force, or start to build it.

        Returns whether a model runs now, be it the fallback; if not, call again after
        on_build_done. Raises RtformerError, which the status keeps.
        """
        self._error = self._build_error = ''
        try:
            if self.builds.settings == settings.model:
                return self._use_build_or_fallback(settings)
            if needs_build(engine_request(settings.model)):
                self.builds.start(settings.model)
                return self._use_fallback(settings)
            self.builds.cancel()
            engine = open_engine(engine_request(settings.model))
            self._put(_plan_or_close(engine, settings.frame), settings)
        except RtformerError as error:
            self._error = str(error)
            raise
        return True

    def may_configure_now(self, settings: NodeSettings) -> bool:
        """Tell whether `configure` with other settings may lead further than the last time."""
        if self.builds.settings is None:
            return bool(self._error)
        return settings.model != self.builds.settings or bool(settings.engine_fallback)

    def release(self) -> None:
        """Close the engine and call a build off."""
        self.builds.cancel()
        plan = self.slot.plan
        self.slot.replace(None)
        self._in_force, self._is_fallback, self._build_error = None, False, ''
        if plan is not None:
            plan.segmenter.engine.close()

    # ---- with a model -------------------------------------------------------------------------

    def apply(self, plan: FramePlan, settings: NodeSettings) -> None:
        """
        Make the frames after the present one with other settings.

        A model that must be built first is put in force later, by `settle`. Raises RtformerError
        and changes nothing for settings that cannot be.
        """
        assert self._in_force is not None
        new, old = settings.model, self._in_force.model
        if self._is_at_work(plan, new):
            self._reframe(plan, settings)
            self._in_force, self._is_fallback, self._failed = settings, False, None
            self.builds.cancel()
        elif new == self.builds.settings:
            self._reframe_meanwhile(plan, settings, may_wait=self._frame_waits)
        elif new == self._failed:
            self._reframe(plan, settings)
        elif needs_build(engine_request(new)):
            is_other = (new.model, new.labels) != (old.model, old.labels)
            self._reframe_meanwhile(plan, settings, may_wait=is_other)
            self._build_error, self._failed = '', None
            self.builds.start(new)
        else:
            self._exchange(plan, open_engine(engine_request(new)), settings)
            self.builds.cancel()

    def settle(self, settings: NodeSettings) -> bool:
        """
        Use what was built, with the present settings; call it when `builds` is done.

        Without a model `configure` is what takes the engine. Returns whether all is well; False
        with a model in force says that it stays, and the parameters should be `values_in_force`.
        """
        plan, built = self.slot.plan, self.builds.settings
        assert built is not None
        try:
            if plan is None:
                self.builds.check()
            else:
                engine = self.builds.take()
                self._exchange(plan, engine, settings)
                self._build_error = engine.description.passed_over
        except RtformerError as error:
            self._fail(plan, built, str(error))
            return False
        return True

    # ---- inside -------------------------------------------------------------------------------

    def _use_build_or_fallback(self, settings: NodeSettings) -> bool:
        if not self.builds.is_done:
            return self._use_fallback(settings)
        engine = self.builds.take()
        self._put(_plan_or_close(engine, settings.frame), settings)
        self._build_error = engine.description.passed_over
        return True

    def _use_fallback(self, settings: NodeSettings) -> bool:
        """Return whether another engine fills in."""
        if not settings.engine_fallback:
            return False
        changes = {'engine': settings.engine_fallback, **_FALLBACK_VALUES}
        fallback = NodeSettings.from_values({**settings.values, **changes})
        try:
            plan = _plan_or_close(open_engine(engine_request(fallback.model)), settings.frame)
        except RtformerError as error:
            self._logger.warning(f'engine_fallback cannot fill in during the build: {error}')
            return False
        self._put(plan, fallback)
        self._is_fallback = True
        self._logger.info(f'until the build is done: {_text(plan)}')
        return True

    def _is_at_work(self, plan: FramePlan, settings: ModelSettings) -> bool:
        """Tell whether the engine in force is what these settings would open."""
        assert self._in_force is not None
        in_force = self._in_force.model
        if settings == in_force:
            return True
        if replace(settings, build=in_force.build) != in_force:
            return False
        is_compiled = compiles(plan.segmenter.engine.description.engine)
        return not is_compiled and not needs_build(engine_request(settings))

    def _exchange(self, plan: FramePlan, engine: Engine, settings: NodeSettings) -> None:
        new = _plan_or_close(engine, settings.frame)
        self._put(new, settings)
        plan.segmenter.engine.close()
        self._logger.info(f'exchanged the model: now {_text(new)}')

    def _put(self, plan: FramePlan, settings: NodeSettings) -> None:
        self.slot.replace(plan)
        self._in_force, self._is_fallback = settings, False
        self._build_error, self._failed, self._frame_waits = '', None, False

    def _reframe(self, plan: FramePlan, settings: NodeSettings) -> None:
        assert self._in_force is not None
        if settings.frame != self._in_force.frame:
            self.slot.replace(make_plan(plan.segmenter.engine, settings.frame))
        self._in_force = settings.with_model_of(self._in_force)
        self._frame_waits = False

    def _reframe_meanwhile(
        self, plan: FramePlan, settings: NodeSettings, *, may_wait: bool
    ) -> None:
        """
        Make the frames with other settings until the model that is being built is there.

        may_wait: settings that do not fit the classes of the model in force are for the next one,
        with which they came. Raises ConfigError where they may not.
        """
        try:
            self._reframe(plan, settings)
        except ConfigError as error:
            if not may_wait:
                raise
            self._frame_waits = True
            self._logger.info(f'waits for the model that is being built: {error}')

    def _fail(self, plan: FramePlan | None, built: ModelSettings, reason: str) -> None:
        what = f'cannot build {built.text}: {reason}'
        if plan is None:
            self._error = reason
            self._logger.error(what)
            return
        self._build_error, self._is_fallback, self._failed = reason, False, built
        self._logger.error(f'{what}. {_text(plan)} goes on, and the parameters are set back to it')


def _text(plan: FramePlan) -> str:
    return engine_text(plan.segmenter.engine.description)


def _plan_or_close(engine: Engine, settings: FrameSettings) -> FramePlan:
    try:
        return make_plan(engine, settings)
    except RtformerError:
        engine.close()
        raise
