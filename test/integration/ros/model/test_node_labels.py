# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Labels that are not the model's own reach nobody by accident."""

from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
import pytest
from ros_peer import values_of

ROADS = """
name: roads
classes:
  - {name: road, color: [1, 2, 3], group: drivable}
  - {name: kerb, color: [4, 5, 6], group: obstacle}
  - {name: blue, color: [7, 8, 9], group: sky}
"""
BOTH_LISTS = "(the model's own / 'roads': 0 red / road, 1 green / kerb)"


@pytest.fixture
def roads(tmp_path: Path) -> Path:
    file = tmp_path / 'roads.yaml'
    file.write_text(ROADS)
    return file


def test_other_names_are_refused_at_start(peer, start_node, roads):
    node = start_node(labels=roads, wait='')
    peer.wait_for(lambda: BOTH_LISTS in node.output, 'both lists in the log')
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: BOTH_LISTS in s.message, 'both lists')
    assert status.level == DiagnosticStatus.ERROR
    assert peer.state() == 'unconfigured'
    assert peer.set_parameter('labels', '').successful
    peer.wait_for(lambda: peer.state() == 'active', 'the node to be active with its own labels')


def test_other_names_are_refused_at_runtime(peer, start_node, roads):
    start_node()
    result = peer.set_parameter('labels', str(roads))
    assert not result.successful
    assert BOTH_LISTS in result.reason
    assert peer.get_parameter('labels') == ''
    refused = peer.set_parameter('labels_override', True)
    assert not refused.successful
    assert 'read' in refused.reason.lower()


def test_override_forces_them_under_a_warning(peer, start_node, roads):
    node = start_node(labels=roads, labels_override=True)
    assert BOTH_LISTS in node.output
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: BOTH_LISTS in s.message, 'the warning')
    assert status.level == DiagnosticStatus.WARN
    assert values_of(status)['labels'] == 'roads'
    assert BOTH_LISTS in values_of(status)['labels warning']
