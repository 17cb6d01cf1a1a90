# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What makes costmaps, scans and points is changed while frames flow."""

from depth_camera import info_of, SMALL
from nav_msgs.msg import OccupancyGrid
import numpy as np
from rtformer_ros.ros.interface.projection_parameters import PROJECTION_GROUPS
from sensor_msgs.msg import LaserScan, PointCloud2

KINDS = {'costmap': OccupancyGrid, 'scan': LaserScan, 'points': PointCloud2}
# What each parameter is set to, and an output that it changes.
CHANGES = {
    'base_frame': ('costmap', 'floor'),
    'camera.height_m': ('scan', 2.0),
    'camera.pitch_deg': ('scan', 25.0),
    'camera.roll_deg': ('scan', 10.0),
    'camera.yaw_deg': ('scan', 20.0),
    'camera.forward_m': ('scan', 0.5),
    'camera.left_m': ('costmap', 0.5),
    'camera.is_rectified': ('scan', True),
    'costmap.size_m': ('costmap', 10.0),
    'costmap.resolution_m': ('costmap', 0.2),
    'costmap.costs': ('costmap', 'drivable=5, obstacle=90'),
    'costmap.uncertain_cost': ('costmap', 100),
    'costmap.min_confidence': ('costmap', 0.9),
    'costmap.obstacle_depth_m': ('costmap', 1.0),
    'scan.angle_min_deg': ('scan', -30.0),
    'scan.angle_max_deg': ('scan', 30.0),
    'scan.angle_increment_deg': ('scan', 1.0),
    'scan.range_min_m': ('scan', 3.0),
    'scan.range_max_m': ('scan', 2.5),
    'scan.free_groups': ('scan', 'drivable, obstacle'),
    'scan.min_confidence': ('scan', 0.9),
    'points.stride': ('points', 2),
    'points.voxel_m': ('points', 0.2),
    'points.min_depth_m': ('points', 2.5),
    'points.max_depth_m': ('points', 2.5),
    'points.class_filter': ('points', 'green'),
    'points.color': ('points', 'image'),
}
# And costmap.frame in test_fixed_frame, costmap.fuse in test_fused_costmap.
TRIED_ABOVE = {
    'camera.pose_source',
    'costmap.decay_s',
    'costmap.frame',
    'costmap.fuse',
    'depth.max_stamp_difference_s',
}


def test_every_parameter_takes_effect_on_the_next_frame(peer, connect, depth_camera, start_node):
    specs = [spec for group in PROJECTION_GROUPS for spec in group.specs]
    assert CHANGES.keys() | TRIED_ABOVE == {spec.name for spec in specs}
    start_node(**{'camera.height_m': 1.0, 'camera.pitch_deg': 20.0})
    received = {topic: connect(topic, kind) for topic, kind in KINDS.items()}
    info = info_of(SMALL)
    info.p = [55.0, 0, 31, 0, 0, 55, 25, 0, 0, 0, 1, 0]
    depth_camera.send_info(info)
    image = np.full((48, 64, 3), (10, 200, 20), np.uint8)
    image[10:30, 20:40] = (200, 30, 10)
    depth = np.linspace(2000, 3000, 48 * 64).astype(np.uint16).reshape(48, 64)

    def outputs() -> dict[str, str]:
        for messages in received.values():
            del messages[:]
        depth_camera.publish(image, depth)
        peer.wait_for(lambda: all(received.values()), 'all outputs')
        texts = {}
        for topic, (message, *_) in received.items():
            message.header.stamp.sec = 0
            if topic == 'costmap':
                message.info.map_load_time.sec = 0
            texts[topic] = str(message)
        return texts

    before = outputs()
    for name, (topic, value) in CHANGES.items():
        old = peer.get_parameter(name)
        assert peer.set_parameter(name, value).successful, name
        assert outputs()[topic] != before[topic], name
        assert peer.set_parameter(name, old).successful, name
    assert outputs() == before
