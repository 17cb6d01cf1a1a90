# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Talk to nodes in other processes over real DDS."""

from __future__ import annotations

from array import array
from collections.abc import Callable
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rtformer_ros.ros.input.image_messages import image_array, new_image
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

NODE = '/segmentation_node'
PATIENCE_S = 60.0
RESEND_S = 5.0


class RosPeer:
    """A node of the test's own: a camera, a listener and a client of the parameters."""

    def __init__(self, name: str = 'peer') -> None:
        self.context = rclpy.Context()
        self.context.init()
        # Without /rosout and parameters of its own: a context that comes and goes with each test
        # has crashed in their clean-up.
        self.node = rclpy.create_node(
            name, context=self.context, enable_rosout=False, start_parameter_services=False
        )
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self._clients: dict[str, Any] = {}
        self.diagnostics: list[DiagnosticStatus] = []

    def close(self) -> None:
        self.executor.remove_node(self.node)
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def wait_for(
        self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S
    ) -> Any:
        """Spin until the condition holds and return its value; fail with `what` if it never is."""
        end = time.monotonic() + patience_s
        while not (value := condition()):
            assert time.monotonic() < end, f'waited {patience_s:.0f} s in vain for {what}'
            self.executor.spin_once(timeout_sec=0.02)
        return value

    def last(self, messages: list[Any], what: str) -> Any:
        """Return the newest message of a list that `collect` gave, once there is one."""
        return self.wait_for(lambda: messages and messages[-1], what)

    def collect(
        self, topic: str, kind: type = Image, *, reliable: bool = True, depth: int = 100
    ) -> list[Any]:
        """Subscribe and return the list that messages are appended to."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos(reliable, depth))
        return messages

    def wait_until_heard(self, publisher: Any) -> None:
        """
        Wait until the one subscription of a topic asks for what our publisher offers, and hears.

        Within a second of hearing of our publisher the node subscribes anew, as reliably as that;
        what is sent in between is lost, which a camera that goes on sending does not mind.
        """
        topic, wanted = publisher.topic_name, publisher.qos_profile.reliability

        def is_heard() -> bool:
            asked = self.node.get_subscriptions_info_by_topic(topic)
            return [each.qos_profile.reliability for each in asked] == [wanted]

        self.wait_for(is_heard, f'the node to hear {topic} for good')
        self.wait_for(publisher.get_subscription_count, f'the subscription to {topic} to meet')
        # The node's side of the match may come a moment after ours.
        self.spin_for(0.3)

    def watch_diagnostics(self) -> None:
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', lambda m: self.diagnostics.extend(m.status), 10
        )

    def wait_for_diagnostic(
        self, condition: Callable[[DiagnosticStatus], Any], what: str
    ) -> DiagnosticStatus:
        """Return the first diagnostic status that fits, of those yet to come."""
        self.diagnostics.clear()
        return self.wait_for(lambda: next(filter(condition, self.diagnostics), None), what)

    def call(self, kind: type, service: str, request: Any) -> Any:
        """
        Call a service and return its answer; ask again when none comes.

        A server that has not matched the client's answer reader yet loses its first answer.
        """
        client = self._client(kind, service)
        futures: list[Any] = []
        asked_s = [0.0]

        def answered() -> Any:
            if time.monotonic() - asked_s[0] > RESEND_S:
                asked_s[0] = time.monotonic()
                futures.append(client.call_async(request))
            return next((f for f in futures if f.done()), None)

        return self.wait_for(answered, f'an answer of {service}').result()

    def _client(self, kind: type, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        client = self._clients[service]
        self.wait_for(client.service_is_ready, f'the service {service}')
        return client

    def set_parameter(self, name: str, value: Any) -> SetParametersResult:
        message = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[message])
        return self.call(SetParameters, f'{NODE}/set_parameters', request).results[0]

    def ask(self, kind: type, service: str, request: Any) -> Callable[[], Any]:
        """Call a service without waiting; the returned function waits for the answer."""
        future = self._client(kind, service).call_async(request)

        def answer() -> Any:
            self.wait_for(future.done, f'an answer of {service}')
            return future.result()

        return answer

    def set_future(self, name: str, value: Any) -> Callable[[], SetParametersResult]:
        """Send a parameter without waiting; the returned function waits for the answer."""
        message = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[message])
        answer = self.ask(SetParameters, f'{NODE}/set_parameters', request)
        return lambda: answer().results[0]

    def set_atomically(self, values: dict[str, Any]) -> SetParametersResult:
        messages = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        request = SetParametersAtomically.Request(parameters=messages)
        service = f'{NODE}/set_parameters_atomically'
        return self.call(SetParametersAtomically, service, request).result

    def get_parameter(self, name: str) -> Any:
        request = GetParameters.Request(names=[name])
        values = self.call(GetParameters, f'{NODE}/get_parameters', request).values
        value = rclpy.parameter.parameter_value_to_python(values[0])
        return list(value) if isinstance(value, array) else value

    def state(self) -> str:
        return self.call(GetState, f'{NODE}/get_state', GetState.Request()).current_state.label

    def change_state(self, label: str) -> bool:
        number = getattr(Transition, f'TRANSITION_{label.upper()}')
        request = ChangeState.Request(transition=Transition(id=number))
        return self.call(ChangeState, f'{NODE}/change_state', request).success


class Camera:
    """Publishes images with stamps that identify them."""

    def __init__(self, peer: RosPeer, *, reliable: bool = True, topic: str = 'image') -> None:
        self._peer = peer
        self.images = peer.node.create_publisher(Image, topic, qos(reliable, 20))
        beside = f'{topic.removesuffix("image")}camera_info'
        self.infos = peer.node.create_publisher(CameraInfo, beside, qos(reliable, 20))
        self.compressed = peer.node.create_publisher(
            CompressedImage, f'{topic}/compressed', qos(reliable, 20)
        )
        self.sent: dict[int, np.ndarray] = {}
        self._number = 0

    def publish(self, image_hwc: np.ndarray, encoding: str = 'rgb8') -> int:
        """Publish an image under the next number, which is its stamp in nanoseconds."""
        message = new_image(image_hwc.shape[0], image_hwc.shape[1], encoding)
        image_array(message)[:] = image_hwc
        return self.publish_message(message, image_hwc)

    def publish_message(self, message: Image, image_hwc: np.ndarray | None = None) -> int:
        number = self.stamp(message.header)
        if image_hwc is not None:
            self.sent[number] = image_hwc
        self.images.publish(message)
        return number

    def publish_until(self, condition: Callable[[], Any], image_hwc: np.ndarray) -> set[int]:
        """
        Publish an image again and again until the condition holds; return the numbers.

        A node draws for a subscriber that it has met, which one alone cannot see of many.
        """
        numbers = set()
        for _ in range(60):
            numbers.add(self.publish(image_hwc))
            self._peer.spin_for(0.5)
            if condition():
                return numbers
        raise AssertionError('nothing came of 60 images')

    def calibrate(self, info: CameraInfo) -> None:
        """Publish a CameraInfo that the node is sure to hear."""
        self._peer.wait_until_heard(self.infos)
        self.infos.publish(info)
        self._peer.spin_for(0.3)

    def stamp(self, header: Any) -> int:
        """Fill a header with the next number."""
        self._number += 1
        header.frame_id = 'camera_optical_frame'
        header.stamp.sec, header.stamp.nanosec = 1000 + self._number, 7
        return self._number


def number_of(message: Any) -> int:
    """Return the number of the image that an output was made from; checks its header."""
    assert message.header.frame_id == 'camera_optical_frame'
    assert message.header.stamp.nanosec == 7
    return message.header.stamp.sec - 1000


def qos(reliable: bool, depth: int) -> QoSProfile:
    policy = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=depth, reliability=policy)


def noise(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Return a random RGB image."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}
