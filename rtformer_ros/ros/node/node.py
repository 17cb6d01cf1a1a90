# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle node that segments: its transitions, its parameters, its timers."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rtformer_ros.errors import ConfigError, RtformerError
from rtformer_ros.processes.heap import trim_heap, use_huge_pages
from rtformer_ros.ros.input.transforms import TransformSource
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.interface.qos import PublisherEventCallbacks
from rtformer_ros.ros.interface.start.declaration import declare, meant
from rtformer_ros.ros.model.loader import ModelLoader
from rtformer_ros.ros.model.status import engine_text
from rtformer_ros.ros.node.cameras import Cameras
from rtformer_ros.ros.node.diagnostics import Diagnostics, NodeStatus
from rtformer_ros.ros.node.frame_worker import FrameWorker
from rtformer_ros.ros.node.managed_node import ManagedNode
from rtformer_ros.ros.node.services import Services
from rtformer_ros.ros.process.callback_group import LastingCallbackGroup
from rtformer_ros.ros.process.log_bridge import bridge_logs, end_bridge
from rtformer_ros.stream.latest_queue import LatestQueue

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rtformer_ros.ros.input.image_input import ReceivedImage
    from rtformer_ros.ros.node.camera import Camera

_FOLLOW_PERIOD_S = 1.0
_STOP_TIMEOUT_S = 1.0
_BUILD_END_TIMEOUT_S = 5.0
# The diagnostics' own period may be longer than somebody who waits for a build likes to wait.
_BUILD_REPORT_PERIOD_S = 4.0


class SegmentationNode(ManagedNode):
    """
    Lifecycle (managed) node that turns camera images into masks.

    Parameters and transitions run in the default callback group, one at a time, while the cameras
    and the timers have callback groups of their own: so frames flow on while an engine is loaded,
    given an executor that runs the slow groups in other threads (DedicatedThreadExecutor).
    """

    def __init__(self) -> None:
        """Declare the parameters; raises ConfigError for a start-up value that is not allowed."""
        super().__init__('segmentation_node')
        self._is_closed = False
        self._settings = NodeSettings.from_values(declare(self, SPECS.values()))
        self._log_handler = bridge_logs(self.get_logger())
        # In the default group, like all that changes the model.
        self._build_done = self.create_guard_condition(self._use_build)
        self._models = ModelLoader(
            self.get_logger(), self._build_done.trigger, self._settings.model
        )
        self._current = self._models.current
        self._camera_group = LastingCallbackGroup()
        self._cameras = Cameras(
            self, self._camera_group, self._settings.cameras, self._settings.camera
        )
        self._worker: FrameWorker | None = None
        self._diagnostics = Diagnostics(self.get_name(), platform.node())
        self._diagnostics_publisher = self.create_publisher(
            DiagnosticArray,
            '/diagnostics',
            10,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
        )
        self._offered_services = Services(
            self, self._cameras, lambda: self.lifecycle_state, lambda: self._settings
        )
        self._start_timers()
        self.add_on_set_parameters_callback(self._on_set_parameters)

    @property
    def slow_groups(self) -> frozenset[CallbackGroup]:
        """Return the callback groups whose callbacks may take long, for the executor."""
        return frozenset({self.default_callback_group, self._offered_services.slow_group})

    def _start_timers(self) -> None:
        group = MutuallyExclusiveCallbackGroup()
        # Not the node's clock: a paused simulation must not silence the diagnostics.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics_timer = self.create_timer(
            self._settings.diagnostics_period_s, self._report, callback_group=group, clock=steady
        )
        self.create_timer(
            _BUILD_REPORT_PERIOD_S, self._report_build, callback_group=group, clock=steady
        )
        self.create_timer(
            _FOLLOW_PERIOD_S,
            self._cameras.follow_graph,
            callback_group=self._camera_group,
            clock=steady,
        )
        self._autostart_timer = self.create_timer(0.0, self._autostart, clock=steady)
        if not self._settings.autostart:
            self._autostart_timer.cancel()
            self.get_logger().info(
                'autostart is false: waiting for a lifecycle manager to configure and activate; '
                f'by hand: ros2 lifecycle set {self.get_fully_qualified_name()} configure'
            )

    # ---- life -------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Open the model and offer the outputs.

        Fails, without an error, while the model is being built and no other engine fills in.
        """
        self._is_closed = False
        try:
            if not self._models.configure(self._settings):
                self.get_logger().info('cannot configure before the model is built')
                return TransitionCallbackReturn.FAILURE
            self._cameras.offer(self._current.config)
        except RtformerError as error:
            self.get_logger().error(f'cannot configure: {error}')
            self._release()
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and segment."""
        queue: LatestQueue[Camera, ReceivedImage] = LatestQueue()
        self._worker = FrameWorker(
            self, queue, self._current, self._settings.batch_wait_s, TransformSource(self)
        )
        # Once more: what the start got went to the model, or back to the system.
        use_huge_pages()
        self._cameras.start(queue)
        engine = self._models.status.engine
        assert engine is not None
        self.get_logger().info(
            f'active: {engine_text(engine)}, images from {self._cameras.topics}'
        )
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and finish the frame that is being made."""
        self._cameras.stop()
        if self._stop_worker():
            self._cameras.forget()
        trim_heap()
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
        self._is_closed = True
        self._autostart_timer.cancel()
        self._models.cancel_build()
        self._cameras.stop()
        config = self._current.config
        if config is not None and self._worker is not None:
            config.engine.close()
        if self._stop_worker():
            self._release()
        self._models.cancel_build(_BUILD_END_TIMEOUT_S)

    def destroy_node(self) -> None:
        """Release everything, unless that was done: its threads would outlive the node."""
        if not self._is_closed:
            self.close()
        end_bridge(self._log_handler)
        super().destroy_node()

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        # A manager may have been quicker, or have shut the node down.
        if self.lifecycle_state != 'unconfigured':
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _stop_worker(self) -> bool:
        worker, self._worker = self._worker, None
        return worker is None or worker.stop(_STOP_TIMEOUT_S)

    def _release(self) -> None:
        self._cameras.close()
        self._models.release()
        trim_heap()

    # ---- parameters -------------------------------------------------------------------------

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set one after the other, as `set_parameters_atomically` does."""
        return [self.set_parameters_atomically([each]) for each in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all or none, as their user means them; all sets come this way, clients' too."""
        try:
            changes = meant(parameter_list, SPECS, self)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if not changes:
            return SetParametersResult(successful=True)
        return super().set_parameters_atomically(changes)

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters if p.name in SPECS}
        if not changes:
            return SetParametersResult(successful=True)
        try:
            changed = {name: SPECS[name].value_of(value) for name, value in changes.items()}
            values = {**self._settings.values, **changed}
            self._apply(NodeSettings.from_values(values))
        except RtformerError as error:
            return SetParametersResult(successful=False, reason=str(error))
        except Exception as error:  # noqa: BLE001  a set that fails must not end the node
            self.keep_error(f'set of {", ".join(sorted(changes))}', error)
            return SetParametersResult(successful=False, reason=f'{type(error).__name__}: {error}')
        return SetParametersResult(successful=True)

    def _apply(self, settings: NodeSettings) -> None:
        """Apply other settings, all or none."""
        config = self._current.config
        if config is not None:
            self._models.apply(config, settings)
        elif settings.autostart and (
            self.transition_error or self._models.may_configure_now(settings)
        ):
            self._autostart_timer.reset()
        self._cameras.configure(settings.cameras, settings.camera, self._current.config)
        if self._worker is not None:
            self._worker.batch_wait_s = settings.batch_wait_s
        if settings.diagnostics_period_s != self._settings.diagnostics_period_s:
            self._diagnostics_timer.timer_period_ns = int(settings.diagnostics_period_s * 1e9)
            # The next message would come when the old period is over.
            self._diagnostics_timer.reset()
        self._settings = settings

    def _use_build(self) -> None:
        """Continue with the model that was built, or reset the parameters where it was not."""
        if not self._models.is_build_done:
            return
        is_well = self._models.adopt_build(self._settings)
        if self._current.config is not None:
            if not is_well:
                self._set_back()
            self._cameras.offer(self._current.config)
        elif is_well and self._settings.autostart:
            self._autostart()
        elif is_well:
            self.get_logger().info('the model is built: configure it now')

    def _set_back(self) -> None:
        """Set the parameters to what the current model was opened with."""
        wanted, current = self._settings.values, self._models.current_values
        changes = [Parameter(n, value=v) for n, v in current.items() if wanted[n] != v]
        self.set_parameters_atomically(changes)

    # ---- timers -----------------------------------------------------------------------------

    def _report_build(self) -> None:
        if self._models.log_build_progress():
            self._report()

    @property
    def _status(self) -> NodeStatus:
        worker = self._worker
        return NodeStatus(
            state=self.lifecycle_state,
            transition_error=self.transition_error,
            callback_error=self.callback_error,
            model=self._models.status,
            frame_error=worker.engine_error if worker else '',
            busy_s=worker.busy_s if worker else 0.0,
            engine_runs=worker.runs if worker else 0,
        )

    def _report(self) -> None:
        stamp = self.get_clock().now().to_msg()
        cameras = [(camera.status, camera.statistics) for camera in self._cameras]
        self._diagnostics_publisher.publish(
            self._diagnostics.message(stamp, self._status, cameras)
        )
