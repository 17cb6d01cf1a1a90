# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Regions and shares of classes that reach another process are those of the picture."""

import json
import os
from pathlib import Path
import sys

from depth_camera import DepthCamera, info_of
from diagnostic_msgs.msg import DiagnosticArray
from ground_scene import Lens
import numpy as np
import pytest
from ros_peer import NODE
from std_msgs.msg import String

LISTENER = Path(__file__).parents[2] / 'vision_listener.py'
PINHOLE = Lens('plumb_bob', (0.0, 0.0, 0.0, 0.0, 0.0), 48, 64, 60.0)


def picture():
    image = np.full((48, 64, 3), (0, 255, 0), np.uint8)
    image[10:20, 30:50] = (255, 0, 0)
    return image


@pytest.mark.parametrize('size', ['source', '96x24'])
def test_a_region_has_its_place_with_depth(size, peer, connect, camera, start_node):
    start_node(output_size=size)
    received = connect('regions', String)
    depth_camera = DepthCamera(peer, camera)
    depth_camera.see(PINHOLE)
    depth_camera.publish(picture(), np.full((48, 64), 2000, np.uint16))
    content = json.loads(peer.last(received, 'regions').data)
    [region] = content['regions']
    boxes = {'source': ([30, 10, 20, 10], [39.5, 14.5]), '96x24': ([45, 5, 30, 5], [59.5, 7.0])}
    assert (region['box'], region['centroid']) == boxes[size]
    assert (region['class'], region['area']) == ('red', region['box'][2] * region['box'][3])
    assert content['position_error'] == ''
    k = info_of(PINHOLE).k
    expected = [2.0 * (39.5 - k[2]) / k[0], 2.0 * (14.5 - k[5]) / k[4], 2.0]
    assert region['position'] == pytest.approx(expected, abs=1e-3)


def test_detections_are_the_regions(peer, camera, start_node, start_child, vision_msgs):
    start_node(variables=vision_msgs)
    topic = f'{NODE}/detections'
    child = start_child([sys.executable, LISTENER, topic], {**os.environ, **vision_msgs})
    peer.wait_for(lambda: peer.node.count_subscribers(topic), 'the listener')
    depth_camera = DepthCamera(peer, camera)
    depth_camera.see(PINHOLE)
    depth_camera.publish(picture(), np.full((48, 64), 2000, np.uint16))
    peer.wait_for(lambda: '{' in child.output, 'detections')
    [found] = json.loads(child.output.splitlines()[0])['detections']
    assert (found['class_id'], found['center'], found['size']) == ('red', [39.5, 14.5], [20, 10])
    assert found['score'] > 0.9
    assert found['position'][2] == pytest.approx(2.0, abs=1e-3)


def test_regions_follow_the_parameters(peer, connect, camera, start_node):
    start_node()
    received = connect('regions', String)

    def classes_after(**changes):
        named = {name.replace('__', '.'): value for name, value in changes.items()}
        result = peer.set_atomically(named)
        assert result.successful, result.reason
        del received[:]
        camera.publish(picture())
        content = json.loads(peer.last(received, 'regions').data)
        assert all(each['position'] is None for each in content['regions'])
        return [each['class'] for each in content['regions']], content['omitted']

    assert classes_after(regions__classes='') == (['green', 'red'], 0)
    assert classes_after(regions__classes='green') == (['green'], 0)
    assert classes_after(regions__classes='obstacle, green') == (['green', 'red'], 0)
    assert classes_after(regions__max_count=1) == (['green'], 1)
    assert classes_after(regions__min_area=0.5) == (['green'], 0)
    refused = peer.set_parameter('regions.classes', 'nobody')
    assert not refused.successful
    assert 'nobody' in refused.reason


def test_coverage_is_the_share_in_the_polygon(peer, connect, camera, start_node):
    start_node(**{'coverage.polygon': [0.5, 0.0, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0]})
    received = connect('coverage', DiagnosticArray)
    camera.publish(picture())
    message = peer.last(received, 'coverage')
    shares = {each.key: float(each.value) for each in message.status[0].values}
    # Columns 32 to 63 of all rows: 180 of the red pixels.
    assert shares['red'] == pytest.approx(180 / (48 * 32), abs=1e-6)
