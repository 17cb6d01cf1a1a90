# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Costmaps, scans and points that reach another process show the world that the camera saw."""

from closed_form_models import brightest_channel
from depth_camera import DepthCamera, info_of
from diagnostic_msgs.msg import DiagnosticStatus
from ground_scene import BOX, Extrinsics, GROUND, Lens, PLUMB_BOB, Scene, SLANTED, tangents
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_peer import NODE, number_of
from rtformer_ros.ros.interface.projection_parameters import PROJECTION_GROUPS
from sensor_msgs.msg import LaserScan, PointCloud2, PointField

SCENE = Scene(PLUMB_BOB, SLANTED[1])
# The closed-form model's classes: 0 red, an obstacle; 1 green, drivable; 2 blue, sky.
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
COLOR_OF = {GROUND: GREEN, BOX: RED}
SMALL = Lens('plumb_bob', (-0.1, 0.02, 0.001, -0.001, 0.0), 48, 64, 60.0)
KINDS = {'costmap': OccupancyGrid, 'scan': LaserScan, 'points': PointCloud2}


def picture_of(scene: Scene) -> np.ndarray:
    class_map = scene.class_map()
    image = np.full((*class_map.shape, 3), BLUE, np.uint8)
    for class_id, color in COLOR_OF.items():
        image[class_map == class_id] = color
    return image


def pose_parameters(extrinsics: Extrinsics) -> dict[str, float]:
    return {
        'camera.height_m': extrinsics.height_m,
        'camera.pitch_deg': extrinsics.pitch_deg,
        'camera.roll_deg': extrinsics.roll_deg,
        'camera.forward_m': extrinsics.forward_m,
    }


@pytest.fixture
def depth_camera(peer, camera) -> DepthCamera:
    return DepthCamera(peer, camera)


@pytest.fixture
def large_model(tmp_path):
    return brightest_channel(tmp_path / 'large.onnx', 480, 640)


def last(peer, messages, what):
    return peer.wait_for(lambda: messages and messages[-1], what)


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

    scan = last(peer, scans, 'a scan')
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

    grid = last(peer, grids, 'a costmap')
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
    # As Nav2's static layer subscribes to maps.
    late = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    peer.node.create_subscription(OccupancyGrid, f'{NODE}/costmap', late.append, latched)
    assert last(peer, late, 'the costmap of before').data == grid.data
    # The nearest box's front is at x = 4 m, from y = -1 to 0.5 m.
    assert (costs[(centres > -0.9) & (centres < 0.4)][:, int(20.0 / 0.25)] == 100).all()


@pytest.mark.parametrize('encoding', ['16UC1', '32FC1'])
def test_points_are_the_depth_image_in_space(
    encoding, peer, connect, depth_camera, start_node, large_model
):
    start_node(model=large_model)
    clouds = connect('points', PointCloud2)
    depth_camera.see(SCENE.lens)
    z = np.random.default_rng(1).integers(500, 9000, (480, 640)) / 1000
    z[100:120] = 0.0
    depth = (z * 1000).round().astype(np.uint16) if encoding == '16UC1' else z.astype(np.float32)
    number = depth_camera.publish(picture_of(SCENE), depth)

    cloud = last(peer, clouds, 'points')
    assert number_of(cloud) == number
    assert (cloud.height, cloud.width, cloud.point_step, cloud.row_step) == (480, 640, 20, 12800)
    assert not cloud.is_bigendian
    assert not cloud.is_dense
    x, y, depth_m, rgb, label, confidence = (field_of(cloud, f.name) for f in cloud.fields)
    z[100:120] = np.nan
    x_per_z, y_per_z = (values.reshape(480, 640) for values in tangents(SCENE.lens))
    for found, expected in ((x, x_per_z * z), (y, y_per_z * z), (depth_m, z)):
        np.testing.assert_allclose(found, expected, atol=1e-3)
    class_map = SCENE.class_map()
    np.testing.assert_array_equal(label, np.choose(class_map, [1, 0, 2]))
    np.testing.assert_array_equal(confidence, 255)
    np.testing.assert_array_equal(
        rgb.view(np.uint32), np.choose(class_map, [0x00FF00, 0xFF0000, 0x0000FF])
    )


def field_of(cloud: PointCloud2, name: str) -> np.ndarray:
    field = next(f for f in cloud.fields if f.name == name)
    kind = {PointField.FLOAT32: np.dtype('<f4'), PointField.UINT8: np.dtype('u1')}[field.datatype]
    data = np.frombuffer(cloud.data, np.uint8).reshape(cloud.height, cloud.width, cloud.point_step)
    raw = data[..., field.offset : field.offset + kind.itemsize]
    return np.ascontiguousarray(raw).view(kind)[..., 0]


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
    last(peer, masks, 'a mask all the same')
    assert not grids
    assert not scans
    depth_camera.see(SMALL)
    depth_camera.publish(ground)
    last(peer, grids, 'a costmap')
    last(peer, scans, 'a scan')
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
    last(peer, scans, 'a scan')


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
    assert set(last(peer, grids, 'a costmap').data) == {-1}
    assert not np.isinf(last(peer, scans, 'a scan').ranges).any()


def test_depth_of_another_moment_makes_no_points(peer, connect, depth_camera, start_node):
    start_node()
    clouds = connect('points', PointCloud2)
    peer.watch_diagnostics()
    depth_camera.see(SMALL)
    ground, depth = np.full((48, 64, 3), GREEN, np.uint8), np.full((48, 64), 2000, np.uint16)
    depth_camera.lag_ns = 80_000_000
    depth_camera.publish(ground, depth)
    peer.wait_for_diagnostic(lambda s: 'no depth image has a stamp' in s.message, 'a warning')
    assert not clouds
    assert peer.set_parameter('depth.max_stamp_difference_s', 0.1).successful
    number = depth_camera.publish(ground, depth)
    assert number_of(last(peer, clouds, 'points')) == number


def test_depth_that_comes_after_its_image_is_waited_for(peer, connect, depth_camera, start_node):
    start_node()
    clouds = connect('points', PointCloud2)
    depth_camera.see(SMALL)
    assert peer.set_parameter('depth.max_stamp_difference_s', 3.0).successful
    ground, depth = np.full((48, 64, 3), GREEN, np.uint8), np.full((48, 64), 2000, np.uint16)
    depth_camera.publish(ground, depth)
    last(peer, clouds, 'points')
    # The neighbour at 2 m is there; the image's own at 3 m comes after the image.
    depth_camera.lag_ns = 0
    number = depth_camera.publish(ground)
    peer.spin_for(0.1)
    depth_camera.send_depth(depth + 1000, number)
    cloud = peer.wait_for(lambda: [c for c in clouds if number_of(c) == number], 'its points')[0]
    points = np.frombuffer(bytes(cloud.data), np.uint8).reshape(48, 64, cloud.point_step)
    assert points[24, 32, 8:12].view(np.float32)[0] == pytest.approx(3.0)


def test_depth_is_received_only_for_points_and_as_its_qos_says(peer, depth_camera, start_node):
    start_node()

    def asked() -> list:
        infos = peer.node.get_subscriptions_info_by_topic('/depth/image')
        return [info.qos_profile.reliability for info in infos]

    peer.wait_for(lambda: peer.node.count_publishers(f'{NODE}/points'), 'the topic points')
    peer.spin_for(1.5)
    assert asked() == []
    listener = peer.node.create_subscription(PointCloud2, f'{NODE}/points', lambda m: None, 5)
    # As the test's own publisher of depth has it.
    peer.wait_for(lambda: asked() == [ReliabilityPolicy.RELIABLE], 'a reliable subscription')
    changes = {'qos.depth.reliability': 'best_effort', 'qos.depth.depth': 2}
    assert peer.set_atomically(changes).successful
    peer.wait_for(lambda: asked() == [ReliabilityPolicy.BEST_EFFORT], 'best effort')
    peer.node.destroy_subscription(listener)
    peer.wait_for(lambda: asked() == [], 'the subscription to end')


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
        return max(last(peer, grids, 'a costmap').data)

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
