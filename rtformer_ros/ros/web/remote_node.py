# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Remote node: the services of the node that is shown, called from the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, TYPE_CHECKING

from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rtformer_ros.errors import NodeUnreachable
from std_srvs.srv import SetBool, Trigger

if TYPE_CHECKING:
    from rclpy.client import Client
    from rclpy.node import Node
    from rtformer_ros.ros.web.feeds import RosThread

# A model is opened, or a snapshot waits for a frame, before the answer comes.
_PATIENCE_S = 70.0
_RESEND_S = 2.0
_READS = (DescribeParameters, GetParameters, ListParameters)

_SERVICES: dict[type, str] = {
    DescribeParameters: 'describe_parameters',
    GetParameters: 'get_parameters',
    ListParameters: 'list_parameters',
    SetParameters: 'set_parameters',
    SetBool: 'set_enabled',
    Trigger: 'snapshot',
}


class RemoteNode:
    """Clients of the services of another node."""

    def __init__(self, node: Node, thread: RosThread, name: str) -> None:
        """Take our node and the full name of the other."""
        self._thread = thread
        self.name = name
        self._clients: dict[type, Client] = {
            kind: node.create_client(kind, f'{name}/{service}')
            for kind, service in _SERVICES.items()
        }

    @property
    def is_there(self) -> bool:
        """Tell whether the node offers its services, as far as is known."""
        return bool(self._clients[GetParameters].service_is_ready())

    async def call(self, kind: type, request: Any) -> Any:
        """Return the answer of a service; raises NodeUnreachable where none comes."""
        client = self._clients[kind]
        if not client.service_is_ready():
            raise NodeUnreachable(
                f'{self.name} is not running, or not in this ROS domain: nobody offers '
                f'{client.srv_name}; start it, and this page finds it by itself'
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        asked: list[Any] = []
        give_up_s, asked_s = loop.time() + _PATIENCE_S, 0.0
        while not answer.done():
            now_s = loop.time()
            # A node that ends gives no answer.
            if now_s > give_up_s or not client.service_is_ready():
                raise NodeUnreachable(f'{self.name} gave no answer on {client.srv_name}')
            # A server that has not met this client yet loses its first answer. What changes
            # something is asked for once.
            if not asked_s or (kind in _READS and now_s - asked_s > _RESEND_S):
                asked_s = now_s
                self._thread.run(lambda: asked.append(self._ask(client, request, answer)))
            await asyncio.wait([answer], timeout=1.0)
        self._thread.run(lambda: _forget(client, asked))
        return answer.result()

    def _ask(self, client: Client, request: Any, answer: asyncio.Future[Any]) -> Any:
        def bring(future: Any) -> None:
            self._thread.bring_back(lambda: _settle(answer, future))

        future = client.call_async(request)
        future.add_done_callback(bring)
        return future


def _forget(client: Client, asked: list[Any]) -> None:
    for future in asked:
        client.remove_pending_request(future)


def _settle(answer: asyncio.Future[Any], future: Any) -> None:
    # Whoever asked may have gone.
    with suppress(asyncio.InvalidStateError):
        answer.set_result(future.result())
