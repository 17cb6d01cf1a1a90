# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Managed node: a lifecycle node that answers every request, and hides no exception."""

from __future__ import annotations

from collections.abc import Callable
import threading
import traceback
from typing import TYPE_CHECKING

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rtformer_ros.errors import quoted
from rtformer_ros.stream.message_throttle import MessageThrottle

if TYPE_CHECKING:
    from lifecycle_msgs.srv import ChangeState

    Transition = Callable[[LifecycleState], TransitionCallbackReturn]

_LOG_PERIOD_S = 30.0
_MOST_IN_PERIOD = 10


class ManagedNode(LifecycleNode):
    """
    Lifecycle node of which every transition has an outcome.

    rclpy raises inside the service where a transition is not allowed in the present state, so that
    its client waits for ever, and takes an exception in a transition without a word. Here the
    first is refused with a warning, and the second logged and kept.
    """

    def __init__(self, name: str) -> None:
        """Start unconfigured."""
        super().__init__(name)
        self.transition_error = ''
        """The exception that ended the last transition, '' where there was none."""
        self.callback_error = ''
        """The last exception of a callback or thread since then, '' where there was none."""
        self._throttle = MessageThrottle(_LOG_PERIOD_S, _MOST_IN_PERIOD)
        self._throttle_lock = threading.Lock()
        # rclpy has no hook for either: the callbacks of its transitions and of its service.
        self._callbacks = {state: self._watched(each) for state, each in self._callbacks.items()}
        self._change_state_by_rclpy = self._service_change_state.callback
        self._service_change_state.callback = self._change_state

    @property
    def lifecycle_state(self) -> str:
        """Return the label of the present state: unconfigured, inactive, active or finalized."""
        return str(self._state_machine.current_state[1])

    def keep_error(self, where: str, error: Exception) -> None:
        """
        Keep an exception that nobody expects, and log it with its traceback; from any thread.

        One that comes again and again is logged once in half a minute.
        """
        self.callback_error = f'{where}: {type(error).__name__}: {error}'
        with self._throttle_lock:
            is_due = self._throttle.is_due(self.callback_error)
        if is_due:
            text = ''.join(traceback.format_exception(error))
            self.get_logger().error(f'{where} failed:\n{text}')

    def _change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        asked = request.transition
        possible = {each[1]: each[0] for each in self._state_machine.available_transitions}
        if (asked.label in possible) if asked.label else (asked.id in possible.values()):
            return self._change_state_by_rclpy(request, response)
        # The message has no place for a reason.
        name = quoted(asked.label) if asked.label else asked.id
        choices = ', '.join(f'{label} ({number})' for label, number in possible.items())
        self.get_logger().warning(
            f'transition {name} is refused: the node is {self.lifecycle_state}; '
            f'possible now: {choices or "none"}'
        )
        response.success = False
        return response

    def _watched(self, transition: Transition) -> Transition:
        def watched(state: LifecycleState) -> TransitionCallbackReturn:
            # on_error follows a failure: it must not clear what it follows.
            if transition != self.on_error:
                self.transition_error = self.callback_error = ''
            try:
                return transition(state)
            except Exception as error:
                self.transition_error = f'{transition.__name__}: {type(error).__name__}: {error}'
                self.get_logger().error(f'{transition.__name__} failed:\n{traceback.format_exc()}')
                raise

        return watched
