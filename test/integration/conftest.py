# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests in which the node runs as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from closed_form_models import brightest_channel
from node_process import NodeProcess
import pytest
from ros_peer import Camera, NODE, RosPeer
from vision_msgs_package import NoMessages, vision_msgs_variables


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that may have to compile messages first, or wait for that, the time for it."""
    for item in items:
        if 'vision_msgs' in getattr(item, 'fixturenames', ()):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope='session')
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Return a folder with closed-form models for images of 64 x 48 pixels.

    rgb.onnx; bgr.onnx, which gives blue the id 0 and red the id 2; slow.onnx, which is rgb.onnx
    with about a second of work a frame; broken.onnx, which is no model.
    """
    folder = tmp_path_factory.mktemp('models')
    brightest_channel(folder / 'rgb.onnx')
    brightest_channel(folder / 'bgr.onnx', channel_order=(2, 1, 0))
    brightest_channel(folder / 'slow.onnx', busy_loops=400)
    (folder / 'broken.onnx').write_bytes(b'this is no model')
    return folder


@pytest.fixture(scope='session')
def vision_msgs() -> dict[str, str]:
    """Return the variables with which a process finds vision_msgs; skips where there is none."""
    try:
        return vision_msgs_variables()
    except NoMessages as error:
        pytest.skip(str(error))


@pytest.fixture
def peer() -> Iterator[RosPeer]:
    peer = RosPeer()
    yield peer
    peer.close()


@pytest.fixture
def start_node(
    tmp_path: Path, models: Path, peer: RosPeer
) -> Iterator[Callable[..., NodeProcess]]:
    """Return a function that starts the node, by default with rgb.onnx, and waits for it."""
    started: list[NodeProcess] = []

    def start(
        *arguments: str,
        wait: str = 'active',
        module: str = 'rtformer_ros.ros.programs.segmentation_node',
        variables: Mapping[str, str] = MappingProxyType({}),
        **parameters: Any,
    ) -> NodeProcess:
        named = {name.replace('__', '.'): value for name, value in parameters.items()}
        node = NodeProcess(
            tmp_path / f'node_{len(started)}.log',
            {'model': models / 'rgb.onnx', 'diagnostics_period_s': 0.2, **named},
            arguments,
            module,
            variables,
        )
        started.append(node)
        if wait:
            peer.wait_for(lambda: peer.state() == wait, f'the node to be {wait}')
        return node

    yield start
    for node in started:
        node.kill()
        print(f'--- output of the node\n{node.output}')


@pytest.fixture
def camera(peer: RosPeer) -> Camera:
    return Camera(peer)


@pytest.fixture
def connect(peer: RosPeer, camera: Camera) -> Callable[..., list[Any]]:
    """Return a function that listens to a topic under ~/ and waits until camera and node meet."""

    def listen(topic: str, *arguments: Any, **options: Any) -> list[Any]:
        messages = peer.collect(f'{NODE}/{topic}', *arguments, **options)
        full_name = f'{NODE}/{topic}'
        peer.wait_for(lambda: peer.node.count_publishers(full_name), f'a publisher of {topic}')
        peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
        # The node's side of both matches may come a moment after ours.
        peer.spin_for(0.3)
        return messages

    return listen
