# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A running node for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from node_process import NodeProcess
import pytest
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from ros_peer import NODE, RosPeer
from rtformer_ros.ros.interface.parameters import SPECS


class SharedNode:
    """A node that does not rest, so that it hears the camera of each test at once."""

    def __init__(self, model: Path, folder: Path) -> None:
        self._model, self._folder = model, folder
        self._starts = 0
        self._process: NodeProcess | None = None

    def running(self) -> NodeProcess:
        """Return the node, started where it does not run."""
        if self._process is None:
            self._starts += 1
            self._process = NodeProcess(
                self._folder / f'node_{self._starts}.log',
                {'model': self._model, 'diagnostics_period_s': 0.2, 'lazy': False},
            )
        return self._process

    def stop(self) -> None:
        """Let it leave ROS's graph, and end."""
        if self._process is not None:
            self._process.end()
            self._process = None


@pytest.fixture(scope='module')
def shared(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedNode]:
    shared = SharedNode(models / 'rgb.onnx', tmp_path_factory.mktemp('shared'))
    yield shared
    shared.stop()


@pytest.fixture
def start_node(
    shared: SharedNode, start_node: Callable[..., NodeProcess]
) -> Callable[..., NodeProcess]:
    """Return the function that starts a node; the shared one, of the same name, has ended."""
    shared.stop()
    return start_node


@pytest.fixture
def shared_node(shared: SharedNode, peer: RosPeer) -> Iterator[NodeProcess]:
    """Return the node, active; when the test ends, its parameters get the values of before."""
    process = shared.running()
    said = len(process.output)
    peer.wait_for(lambda: peer.state() == 'active', 'the node to be active')
    before = _values(peer)
    yield process
    print(f'--- output of the node\n{process.output[said:]}')
    now = _values(peer)
    changed = [
        Parameter(name=name, value=value) for name, value in before.items() if now[name] != value
    ]
    request = SetParametersAtomically.Request(parameters=changed)
    done = peer.call(SetParametersAtomically, f'{NODE}/set_parameters_atomically', request)
    assert done.result.successful, done.result.reason


def _values(peer: RosPeer) -> dict[str, ParameterValue]:
    names = [name for name, spec in SPECS.items() if not spec.read_only]
    request = GetParameters.Request(names=names)
    values = peer.call(GetParameters, f'{NODE}/get_parameters', request).values
    return dict(zip(names, values, strict=True))
