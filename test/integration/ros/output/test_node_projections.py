# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Costmaps and scans that reach another process show the world that the camera saw."""

from closed_form_models import GREEN, RED
from depth_camera import info_of, picture_of, SMALL
from diagnostic_msgs.msg import DiagnosticStatus
from ground_scene import Extrinsics, PLUMB_BOB, Scene, SLANTED
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_peer import NODE
from sensor_msgs.msg import LaserScan, PointCloud2

SCENE = Scene(PLUMB_BOB, SLANTED[1])
KINDS = {'costmap': OccupancyGrid, 'scan': LaserScan, 'points': PointCloud2}


def pose_parameters(extrinsics: Extrinsics) -> dict[str, float]:
    return {
        'camera.height_m': extrinsics.height_m,
        'camera.pitch_deg': extrinsics.pitch_deg,
        'camera.roll_deg': extrinsics.roll_deg,
        'camera.forward_m': extrinsics.forward_m,
    }


def assert_scan_ends_at_the_boxes(scan: LaserScan, number: int) -> None:
    assert (scan.header.frame_id, scan.header.stamp.sec) == ('floor', 1000 + number)
    bearings = scan.angle_min + np.arange(len(scan.ranges)) * scan.angle_increment
    np.testing.assert_allclose(np.degrees(bearings), np.arange(-20, 20.1, 0.5), atol=1e-4)
    assert scan.angle_max == pytest.approx(bearings[-1])
    ranges_m = np.array(scan.ranges)
    low_m, high_m, _ = SCENE.ends_of_free_ground(bearings, scan.angle_increment, scan.range_max)
    is_boundary = np.isfinite(ranges_m)
    assert (ranges_m[is_boundary] >= low_m[is_boundary] - 0.25).all()
    assert (ranges_m[is_boundary] <= high_m[is_boundary] + 0.25).all()
    assert is_boundary.sum() > 40


def assert_costmap_shows_the_boxes(grid: OccupancyGrid, number: int) -> None:
    assert (grid.header.frame_id, grid.header.stamp.sec) == ('floor', 1000 + number)
    assert (grid.info.width, grid.info.height, grid.info.resolution) == (128, 128, 0.25)
    origin = grid.info.origin
    assert (origin.position.x, origin.position.y, origin.orientation.w) == (-16.0, -16.0, 1.0)
    # As OccupancyGrid says: row-major, from the cell at the origin, x first.
    costs = np.array(grid.data).reshape(128, 128)
    centres = (np.arange(128) + 0.5) * 0.25 - 16.0
    corners = np.stack(np.meshgrid(centres, centres), -1)[:, :, None] + [
        [x, y] for x in (-0.375, 0.0, 0.375) for y in (-0.375, 0.0, 0.375)
    ]
    is_near = np.hypot(corners[..., 0], corners[..., 1]).max(axis=-1) < 15.0
    in_image, clear = SCENE.is_in_image(corners), SCENE.is_clear(corners)
    free = is_near & (in_image & clear).all(axis=-1)
    assert free.sum() > 300
    assert (costs[free] == 0).all()
    assert (costs[is_near & ~in_image.any(axis=-1)] == -1).all()
    # The nearest box's front is at x = 4 m, from y = -1 to 0.5 m.
    assert (costs[(centres > -0.9) & (centres < 0.4)][:, int(20.0 / 0.25)] == 100).all()


def test_costmap_and_scan_show_the_boxes(peer, connect, depth_camera, start_node, large_model):
    parameters = {
        **pose_parameters(SCENE.extrinsics),
        'base_frame': 'floor',
        'costmap.size_m': 32.0,
        'costmap.resolution_m': 0.25,
        'scan.angle_min_deg': -20.0,
        'scan.angle_max_deg': 20.0,
    }
    start_node(model=large_model, **parameters)
    grids = connect('costmap', OccupancyGrid)
    scans = connect('scan', LaserScan)
    depth_camera.see(SCENE.lens)
    number = depth_camera.publish(picture_of(SCENE))

    assert_scan_ends_at_the_boxes(peer.last(scans, 'a scan'), number)
    grid = peer.last(grids, 'a costmap')
    assert_costmap_shows_the_boxes(grid, number)
    # As Nav2's static layer subscribes to maps.
    late = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    peer.node.create_subscription(OccupancyGrid, f'{NODE}/costmap', late.append, latched)
    assert peer.last(late, 'the costmap of before').data == grid.data


def test_each_camera_has_its_own(peer, camera, depth_camera, start_node):
    names = ('image', 'camera_info', 'depth/image')
    remaps = [word for name in names for word in ('-r', f'front/{name}:={name}')]
    start_node(*remaps, cameras="['front', 'left']", **{'camera.height_m': 1.0})
    received = {
        topic: peer.collect(f'{NODE}/front/{topic}', kind) for topic, kind in KINDS.items()
    }
    others = [peer.collect(f'{NODE}/left/{topic}', kind) for topic, kind in KINDS.items()]
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    depth_camera.see(SMALL)
    depth = np.full((48, 64), 2000, np.uint16)
    depth_camera.publish(np.full((48, 64, 3), GREEN, np.uint8), depth)
    peer.wait_for(lambda: all(received.values()), 'all outputs of the camera')
    assert not any(others)


def wrong_infos():
    zero_k, other_shape, other_lens = (info_of(SMALL) for _ in range(3))
    zero_k.k = np.zeros(9)
    other_shape.width = 100
    other_lens.d = [0.1]
    return {
        None: 'no CameraInfo has come',
        'K': (zero_k, 'not calibrated'),
        'size': (other_shape, 'the image has 64x48'),
        'lens': (other_lens, 'expected 0 or 4 or 5'),
    }


@pytest.mark.parametrize('wrong', [None, 'K', 'size', 'lens'])
def test_a_calibration_that_is_wrong_is_told_and_nothing_projected(
    wrong, peer, connect, depth_camera, start_node
):
    node = start_node(**{'camera.height_m': 1.0})
    grids, scans = connect('costmap', OccupancyGrid), connect('scan', LaserScan)
    masks = connect('mask')
    peer.watch_diagnostics()
    ground = np.full((48, 64, 3), GREEN, np.uint8)
    reason = wrong_infos()[wrong]
    if wrong is not None:
        info, reason = reason
        depth_camera.send_info(info)
    depth_camera.publish(ground)
    status = peer.wait_for_diagnostic(lambda s: reason in s.message, f'a warning of {reason}')
    assert status.level == DiagnosticStatus.WARN
    assert reason in node.output
    peer.last(masks, 'a mask all the same')
    assert not grids
    assert not scans
    depth_camera.see(SMALL)
    depth_camera.publish(ground)
    peer.last(grids, 'a costmap')
    peer.last(scans, 'a scan')
    peer.wait_for_diagnostic(lambda s: s.level == DiagnosticStatus.OK, 'all to be well')


def test_a_pose_that_is_missing_is_told(peer, connect, depth_camera, start_node):
    start_node()
    scans = connect('scan', LaserScan)
    peer.watch_diagnostics()
    depth_camera.see(SMALL)
    ground = np.full((48, 64, 3), GREEN, np.uint8)
    depth_camera.publish(ground)
    peer.wait_for_diagnostic(lambda s: 'set camera.height_m' in s.message, 'a warning')
    assert peer.set_parameter('camera.pose_source', 'tf').successful
    depth_camera.publish(ground)
    # Where tf2_ros is installed, there is no transform all the same.
    reasons = ('tf2_ros is not installed', 'TF has no transform')
    peer.wait_for_diagnostic(lambda s: any(r in s.message for r in reasons), 'a warning')
    assert not scans
    assert peer.set_atomically(
        {'camera.pose_source': 'parameters', 'camera.height_m': 1.0}
    ).successful
    depth_camera.publish(ground)
    peer.last(scans, 'a scan')


def test_what_is_unlabelled_stays_unknown_and_is_not_free(peer, connect, depth_camera, start_node):
    parameters = {
        'class_remap': 'green=255',
        'camera.height_m': 1.0,
        'camera.pitch_deg': 20.0,
        'costmap.costs': 'drivable=0, other=0',
        'scan.free_groups': 'drivable, other',
    }
    start_node(**parameters)
    grids, scans = connect('costmap', OccupancyGrid), connect('scan', LaserScan)
    depth_camera.see(SMALL)
    depth_camera.publish(np.full((48, 64, 3), GREEN, np.uint8))
    assert set(peer.last(grids, 'a costmap').data) == {-1}
    assert not np.isinf(peer.last(scans, 'a scan').ranges).any()


def test_earlier_frames_are_remembered_for_the_time_of_decay(
    peer, connect, depth_camera, start_node
):
    start_node(**{'camera.height_m': 1.0, 'camera.pitch_deg': 20.0})
    grids = connect('costmap', OccupancyGrid)
    depth_camera.see(SMALL)
    ground, wall = (np.full((48, 64, 3), color, np.uint8) for color in (GREEN, RED))

    def greatest_cost_after(image) -> int:
        del grids[:]
        depth_camera.publish(image)
        return max(peer.last(grids, 'a costmap').data)

    assert greatest_cost_after(wall) == 100
    assert greatest_cost_after(ground) == 0
    assert peer.set_parameter('costmap.decay_s', 2.0).successful
    assert greatest_cost_after(wall) == 100
    # The stamps of frames are a second apart.
    assert greatest_cost_after(ground) == round(100 * np.exp(-0.5))
    # A node that rested does not know what has happened since.
    assert greatest_cost_after(wall) == 100
    assert peer.change_state('deactivate')
    assert peer.change_state('activate')
    depth_camera.see(SMALL)
    assert greatest_cost_after(ground) == 0
    # What was seen from another place is not where it was taken to be.
    for name, value in (('camera.height_m', 1.1), ('base_frame', 'platform')):
        assert greatest_cost_after(wall) == 100
        assert peer.set_parameter(name, value).successful
        assert greatest_cost_after(ground) == 0
