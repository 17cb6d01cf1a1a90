# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A running node for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node_process import NodeProcess
import pytest
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from ros_peer import NODE, RosPeer
from rtformer_ros.ros.interface.parameters import SPECS


@pytest.fixture(scope='module')
def process(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Return a node that does not rest, so that it hears the camera of each test at once."""
    log = tmp_path_factory.mktemp('shared') / 'node.log'
    node = NodeProcess(
        log, {'model': models / 'rgb.onnx', 'diagnostics_period_s': 0.2, 'lazy': False}
    )
    yield node
    node.kill()


@pytest.fixture
def shared_node(process: NodeProcess, peer: RosPeer) -> Iterator[NodeProcess]:
    """Return the node, active; when the test ends, its parameters get the values of before."""
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
