# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a snapshot leaves on the disk."""

import json

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.node.snapshot import (
    default_snapshot_folder,
    FrameSnapshot,
    write_snapshot,
)


@pytest.fixture
def frame() -> FrameSnapshot:
    random = np.random.default_rng(1)
    image, overlay = random.integers(0, 256, (2, 6, 8, 3), np.uint8)
    return FrameSnapshot(
        '', image, random.integers(0, 256, (3, 4), np.uint8), overlay, {'hz': 9.5}
    )


def test_pictures_and_facts_are_read_back_by_others(frame, tmp_path):
    place = write_snapshot(tmp_path / 'new' / 'one', 'node', [frame], {'node': '/node'})
    assert place.parent == tmp_path / 'new' / 'one'
    assert place.name.endswith('_node')
    image = cv2.cvtColor(cv2.imread(str(place / 'input.png')), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(image, frame.image_hwc)
    ids = cv2.imread(str(place / 'mask.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(ids, frame.class_map_hw)
    facts = json.loads((place / 'snapshot.json').read_text())
    assert facts['node'] == '/node'
    assert facts['frames']['']['hz'] == 9.5
    assert set(facts['frames']['']['files'].values()) | {'snapshot.json'} == {
        path.name for path in place.iterdir()
    }


def test_what_cannot_be_written_leaves_nothing_behind(frame, tmp_path):
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match='Circular'):
        write_snapshot(tmp_path, 'node', [frame], {'facts': endless})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match=r'file.*can be written'):
        write_snapshot(tmp_path / 'file', 'node', [frame], {})


def test_default_folder_follows_ros_home(monkeypatch):
    monkeypatch.delenv('ROS_HOME', raising=False)
    assert str(default_snapshot_folder()) == '~/.ros/rtformer_ros/snapshots'
    monkeypatch.setenv('ROS_HOME', '/data/ros')
    assert str(default_snapshot_folder()) == '/data/ros/rtformer_ros/snapshots'
