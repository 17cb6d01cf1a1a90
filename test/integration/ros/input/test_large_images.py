# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""FastDDS with the packaged profile brings large best-effort images to another process."""

from __future__ import annotations

from collections.abc import Callable
import os
import sys
import time
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from rtformer_ros.files.fastdds_profile import profile_variables  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

COUNT = 30
# As it comes, FastDDS delivers few of these or none.
AT_LEAST = 24

PUBLISHER = f"""
import array, time
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('large_images')
qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
publisher = node.create_publisher(Image, 'large', qos)
image = Image(height=1080, width=1920, encoding='rgb8', step=5760)
image.data = array.array('B', bytes(range(256)) * (1080 * 5760 // 256))
while not publisher.get_subscription_count():
    time.sleep(0.05)
time.sleep(1)
for number in range({COUNT}):
    image.header.stamp.sec = number
    publisher.publish(image)
    time.sleep(0.1)
image.header.frame_id = 'last'
small = Image(header=image.header, height=0, width=0)
for _ in range(20):
    publisher.publish(small)
    time.sleep(0.1)
"""


@pytest.mark.skipif(
    os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') != 'rmw_fastrtps_cpp',
    reason='the middleware is not FastDDS',
)
def test_best_effort_images_of_full_hd_arrive(start_child: Callable[..., Any]) -> None:
    received: list[Image] = []
    rclpy.init()
    node = rclpy.create_node('large_images_test')
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, 'large', received.append, qos)
    variables = profile_variables({})
    assert variables
    start_child([sys.executable, '-c', PUBLISHER], {**os.environ, **variables})
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        rclpy.spin_once(node, timeout_sec=0.1)
        if received and received[-1].header.frame_id == 'last':
            break
    node.destroy_node()
    rclpy.try_shutdown()
    images = [image for image in received if image.width]
    assert len({image.header.stamp.sec for image in images}) >= AT_LEAST
    whole = bytes(range(256)) * (1080 * 5760 // 256)
    assert all(bytes(image.data) == whole for image in images)
