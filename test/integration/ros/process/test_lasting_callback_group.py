# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Subscribers that come and go leave nothing behind in the node's callback group."""

import gc

from rtformer_ros.ros.input.image_input import CameraInput
from rtformer_ros.ros.interface.settings import DepthSettings, InputSettings, TopicQos
from rtformer_ros.ros.process.callback_group import LastingCallbackGroup

QOS = TopicQos('auto', 5)
SETTINGS = InputSettings('raw', QOS, QOS, DepthSettings(QOS, 0.05))


def test_a_camera_that_wakes_again_and_again_leaves_nothing_in_the_group(peer):
    group = LastingCallbackGroup()
    camera = CameraInput(peer.node, group, SETTINGS, lambda frame: None)
    camera.start()
    timer = peer.node.create_timer(60.0, lambda: None, callback_group=group)
    at_first = len(group.entities)
    for _ in range(20):
        camera.rest()
        peer.spin_for(0.02)
        camera.listen()
        peer.spin_for(0.02)
    gc.collect()
    camera.rest()
    camera.listen()
    assert len(group.entities) <= at_first + 4
    assert group.has_entity(timer)
    camera.stop()
