# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Points that reach another process are the depth image in space, and wait for it."""

from closed_form_models import GREEN
from depth_camera import picture_of, SMALL
from ground_scene import PLUMB_BOB, Scene, SLANTED, tangents
import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from ros_peer import NODE, number_of
from sensor_msgs.msg import PointCloud2, PointField

SCENE = Scene(PLUMB_BOB, SLANTED[1])


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

    cloud = peer.last(clouds, 'points')
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
    assert number_of(peer.last(clouds, 'points')) == number


def test_depth_that_comes_after_its_image_is_waited_for(peer, connect, depth_camera, start_node):
    start_node()
    clouds = connect('points', PointCloud2)
    depth_camera.see(SMALL)
    assert peer.set_parameter('depth.max_stamp_difference_s', 3.0).successful
    ground, depth = np.full((48, 64, 3), GREEN, np.uint8), np.full((48, 64), 2000, np.uint16)
    depth_camera.publish(ground, depth)
    peer.last(clouds, 'points')
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
