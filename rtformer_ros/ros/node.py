"""Lead the segmentation node through its life: configure, activate, change, end."""

from __future__ import annotations

import platform
import traceback
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from rtformer_ros.engines import open_engine
from rtformer_ros.errors import RtformerError
from rtformer_ros.frame_statistics import FrameStatistics
from rtformer_ros.labels import load_labels
from rtformer_ros.packaged_files import find_labels, find_model
from rtformer_ros.rate_limit import RateLimit
from rtformer_ros.ros.camera_input import CameraInput, Frame
from rtformer_ros.ros.diagnostics import NO_SUBSCRIBER, Diagnostics, NodeStatus
from rtformer_ros.ros.frame_plan import PlanSlot, make_plan
from rtformer_ros.ros.frame_worker import FrameWorker
from rtformer_ros.ros.log_bridge import bridge_logs
from rtformer_ros.ros.mailbox import Mailbox
from rtformer_ros.ros.outputs import Outputs
from rtformer_ros.ros.parameter_spec import declare
from rtformer_ros.ros.parameters import SPECS
from rtformer_ros.ros.qos import PublisherEventCallbacks
from rtformer_ros.ros.settings import ModelSettings, NodeSettings

if TYPE_CHECKING:
    from rclpy.parameter import Parameter

    from rtformer_ros.engines.base import Engine
    from rtformer_ros.ros.frame_plan import FramePlan

_FOLLOW_PERIOD_S = 1.0
_STOP_TIMEOUT_S = 1.0


class SegmentationNode(LifecycleNode):
    """
    A managed node that turns camera images into masks.

    Parameters and transitions run in the default callback group, one at a time, while the camera
    and the timers have groups of their own: so frames flow on while an engine is loaded, given an
    executor that runs these groups in threads of their own (SlowLaneExecutor).
    """

    def __init__(self) -> None:
        """Declare the parameters; raises ConfigError for a start-up value that is not allowed."""
        super().__init__('segmentation_node')
        self._values = declare(self, SPECS.values())
        self._settings = NodeSettings.from_values(self._values)
        self._log_handler = bridge_logs(self.get_logger())
        self._statistics = FrameStatistics()
        self._slot = PlanSlot()
        self._outputs = Outputs(self)
        self._rate_limit = RateLimit(self._settings.max_rate_hz)
        self._camera_group = MutuallyExclusiveCallbackGroup()
        self._camera = CameraInput(self, self._camera_group, self._settings.input, self._accept)
        self._mailbox: Mailbox[Frame] | None = None
        self._worker: FrameWorker | None = None
        self._load_error = ''
        self._diagnostics = Diagnostics(f'{self.get_name()}: segmentation', platform.node())
        self._diagnostics_publisher = self.create_publisher(
            DiagnosticArray,
            '/diagnostics',
            10,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
        )
        self._start_timers()
        self.add_on_set_parameters_callback(self._on_set_parameters)

    def _start_timers(self) -> None:
        group = MutuallyExclusiveCallbackGroup()
        # Not the node's clock: a paused simulation must not silence the diagnostics.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics_timer = self.create_timer(
            self._settings.diagnostics_period_s, self._report, callback_group=group, clock=steady
        )
        self.create_timer(
            _FOLLOW_PERIOD_S,
            self._follow_graph,
            callback_group=self._camera_group,
            clock=steady,
        )
        self._autostart_timer = self.create_timer(0.0, self._autostart, clock=steady)
        if not self._settings.autostart:
            self._autostart_timer.cancel()

    # ---- life -------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the model and offer the outputs."""
        try:
            engine = _open_model(self._settings.model)
            self._slot.replace(_plan_or_close(engine, self._settings))
            self._outputs.configure(self._settings.output)
        except RtformerError as error:
            self._load_error = str(error)
            self.get_logger().error(f'cannot configure: {error}')
            self._release()
            return TransitionCallbackReturn.FAILURE
        self._load_error = ''
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera and segment."""
        self._mailbox = Mailbox()
        self._worker = FrameWorker(
            self,
            self._mailbox,
            self._slot,
            self._outputs,
            self._camera.infos.find,
            self._statistics,
        )
        self._camera.start()
        self.get_logger().info(
            f'active: {_summary(self._slot.plan)}, images from {self._camera.topic}'
        )
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and finish the frame that is being made."""
        self._camera.stop()
        self._stop_worker()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Withdraw the outputs and release the model."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, from any state."""
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything after a transition that failed; the node can be configured again."""
        self.close()
        return super().on_error(state)

    def close(self) -> None:
        """Stop and release everything, unless a frame in progress does not end in time."""
        self._autostart_timer.cancel()
        self._camera.stop()
        plan = self._slot.plan
        if plan is not None and self._mailbox is not None:
            self._mailbox.close()
            plan.segmenter.engine.close()
        if self._stop_worker():
            self._release()

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _stop_worker(self) -> bool:
        worker, self._worker, self._mailbox = self._worker, None, None
        return worker is None or worker.stop(_STOP_TIMEOUT_S)

    def _release(self) -> None:
        self._outputs.close()
        plan = self._slot.plan
        self._slot.replace(None)
        if plan is not None:
            plan.segmenter.engine.close()

    # ---- frames -----------------------------------------------------------------------------

    def _accept(self, frame: Frame) -> None:
        mailbox = self._mailbox
        if mailbox is None:
            return
        self._statistics.received()
        if self._settings.lazy and not self._outputs.wanted():
            self._statistics.dropped(NO_SUBSCRIBER)
        elif not self._rate_limit.allows(frame.received_s):
            self._statistics.dropped('rate limit')
        elif mailbox.put(frame):
            self._statistics.dropped('newer frame')

    # ---- parameters -------------------------------------------------------------------------

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters if p.name in SPECS}
        if not changes:
            return SetParametersResult(successful=True)
        try:
            values = {**self._values, **changes}
            self._apply(NodeSettings.from_values(values))
        except RtformerError as error:
            return SetParametersResult(successful=False, reason=str(error))
        except Exception as error:  # noqa: BLE001  a set that fails must not end the node
            self.get_logger().error(f'cannot set {sorted(changes)}:\n{traceback.format_exc()}')
            return SetParametersResult(successful=False, reason=f'{type(error).__name__}: {error}')
        self._values = values
        return SetParametersResult(successful=True)

    def _apply(self, settings: NodeSettings) -> None:
        """Put other settings in force, all or none."""
        if self._slot.plan is not None:
            self._exchange_plan(self._slot.plan, settings)
            self._outputs.configure(settings.output)
        elif self._load_error and settings.autostart:
            self._autostart_timer.reset()
        self._camera.configure(settings.input)
        if settings.max_rate_hz != self._settings.max_rate_hz:
            self._rate_limit = RateLimit(settings.max_rate_hz)
        self._diagnostics_timer.timer_period_ns = int(settings.diagnostics_period_s * 1e9)
        self._settings = settings

    def _exchange_plan(self, plan: FramePlan, settings: NodeSettings) -> None:
        """Make the frames after the present one with other settings, and so another engine."""
        engine = plan.segmenter.engine
        if settings.model != self._settings.model:
            self._slot.replace(_plan_or_close(_open_model(settings.model), settings))
            engine.close()
            self.get_logger().info(f'exchanged the model: now {_summary(self._slot.plan)}')
        elif settings.frame != self._settings.frame:
            self._slot.replace(make_plan(engine, settings.frame))

    # ---- timers -----------------------------------------------------------------------------

    def _follow_graph(self) -> None:
        self._camera.follow_publishers()
        self._outputs.check_subscribers()

    def _report(self) -> None:
        worker, plan = self._worker, self._slot.plan
        status = NodeStatus(
            state=self._state_machine.current_state[1],
            engine=plan.segmenter.engine.description if plan else None,
            engine_error=self._load_error or (worker.engine_error if worker else ''),
            topic=self._camera.topic,
            publisher_count=self._camera.publisher_count,
            silent_s=self._camera.silent_s,
            incompatible_policy=self._camera.incompatible_policy,
            incompatible_outputs=self._outputs.incompatible_topics,
            idle=self._settings.lazy and not self._outputs.wanted(),
        )
        stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(
            self._diagnostics.message(stamp, status, self._statistics.snapshot())
        )


def _open_model(settings: ModelSettings) -> Engine:
    return open_engine(
        find_model(settings.model),
        settings.engine,
        device=settings.device,
        threads=settings.threads,
        labels=load_labels(find_labels(settings.labels)) if settings.labels else None,
        network_size=settings.network_size,
    )


def _summary(plan: FramePlan | None) -> str:
    assert plan is not None
    engine = plan.segmenter.engine.description
    return (
        f'{engine.model.name} ({engine.width}x{engine.height}, {len(engine.labels)} classes) with '
        f'{engine.engine} on {engine.device} ({engine.detail})'
    )


def _plan_or_close(engine: Engine, settings: NodeSettings) -> FramePlan:
    try:
        return make_plan(engine, settings.frame)
    except RtformerError:
        engine.close()
        raise
