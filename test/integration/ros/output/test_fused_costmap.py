# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The costmaps of several cameras in one, as peers receive it."""

from array import array

from closed_form_models import BLUE, GREEN, RED
from depth_camera import info_of
from ground_scene import Lens
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from ros_peer import Camera, NODE
from rtformer_ros.ros.interface.settings import TopicQos
from rtformer_ros.ros.output.fused_costmap import FusedCostmap

LENS = Lens('plumb_bob', (0.0,) * 5, 48, 64, 60.0)
POSE = {'camera.height_m': 1.0, 'camera.pitch_deg': 20.0}


def halves(left: tuple[int, ...], right: tuple[int, ...]) -> np.ndarray:
    image = np.full((48, 64, 3), left, np.uint8)
    image[:, 32:] = right
    return image


def costs_of(grid: OccupancyGrid) -> np.ndarray:
    return np.array(grid.data, np.int8).reshape(grid.info.height, grid.info.width)


class Rig:
    """Two cameras of a node in another process, on one place, and the costmaps that come."""

    def __init__(self, peer) -> None:
        self._peer = peer
        self.fused = peer.collect(f'{NODE}/costmap', OccupancyGrid)
        self.cameras = {name: Camera(peer, topic=f'{name}/image') for name in ('front', 'left')}
        # Nobody subscribes to an output of a single camera: the fused one needs both.
        for camera in self.cameras.values():
            peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
            camera.calibrate(info_of(LENS))

    def show(self, name: str, image: np.ndarray) -> OccupancyGrid:
        """Return the fused costmap that comes of an image."""
        del self.fused[:]
        self.cameras[name].publish(image)
        return self._peer.last(self.fused, 'a fused costmap')


def test_obstacles_win_over_free_ground_and_what_is_known_over_the_unknown(peer, start_node):
    start_node(cameras="['front', 'left']", **{'costmap.fuse': True}, **POSE)
    rig = Rig(peer)
    # Free on the left; an obstacle on the left, and free on the right. The sky is unknown.
    rig.show('front', halves(GREEN, BLUE))
    singles = {name: peer.collect(f'{NODE}/{name}/costmap', OccupancyGrid) for name in rig.cameras}
    for name in singles:
        peer.wait_for(lambda n=name: peer.node.count_publishers(f'{NODE}/{n}/costmap'), name)
    peer.spin_for(0.5)
    # Both at the stamp of 1002 s.
    rig.cameras['left']._number = 1
    rig.show('front', halves(GREEN, BLUE))
    grid = rig.show('left', halves(RED, GREEN))
    peer.wait_for(lambda: all(singles.values()), 'the costmaps of both')
    front, left = (costs_of(singles[name][-1]) for name in ('front', 'left'))
    assert {(f, s) for f, s in zip(front.flat, left.flat, strict=True)} >= {(0, 100), (-1, 0)}
    expected = [max(f, s) for f, s in zip(front.flat, left.flat, strict=True)]
    assert list(grid.data) == expected
    assert (grid.header.frame_id, grid.header.stamp.sec) == ('base_link', 1002)
    assert grid.info.origin == singles['left'][-1].info.origin

    # A camera that has been silent for more than a second no longer counts.
    rig.cameras['left']._number = 4
    alone = rig.show('left', halves(RED, GREEN))
    np.testing.assert_array_equal(costs_of(alone), left)
    # Nor does one that is gone.
    rig.cameras['front']._number = 5
    rig.show('front', halves(GREEN, GREEN))
    assert peer.set_parameter('cameras', ['left']).successful
    alone = rig.show('left', halves(RED, GREEN))
    np.testing.assert_array_equal(costs_of(alone), left)
    assert peer.set_parameter('costmap.fuse', False).successful
    peer.wait_for(lambda: not peer.node.count_publishers(f'{NODE}/costmap'), 'the topic to go')


def test_a_camera_without_a_name_has_its_own_costmap_alone(peer, start_node):
    start_node(**{'costmap.fuse': True})
    peer.wait_for(lambda: peer.node.count_publishers(f'{NODE}/costmap'), 'the topic')
    assert peer.set_parameter('cameras', ['front']).successful
    peer.wait_for(lambda: peer.node.count_publishers(f'{NODE}/front/costmap'), 'its costmap')
    peer.wait_for(lambda: peer.node.count_publishers(f'{NODE}/costmap') == 1, 'the fused one')
    assert peer.set_parameter('publish.costmap', False).successful
    peer.wait_for(lambda: not peer.node.count_publishers(f'{NODE}/costmap'), 'both to go')


def message(costs, time_s, corner, resolution=0.1) -> OccupancyGrid:
    grid = OccupancyGrid(data=array('b', costs.astype(np.int8).tobytes()))
    grid.header.frame_id = 'odom'
    grid.header.stamp.sec, grid.header.stamp.nanosec = int(time_s), int(time_s % 1 * 1e9)
    grid.info.resolution = resolution
    grid.info.height, grid.info.width = costs.shape
    grid.info.origin.position.x, grid.info.origin.position.y = corner
    return grid


@pytest.fixture
def fused_costmap(peer):
    """Return a function that adds a costmap, and returns what a subscriber gets of it."""
    received = peer.collect(f'{peer.node.get_name()}/costmap', OccupancyGrid)
    costmap = FusedCostmap(peer.node)
    costmap.configure(TopicQos('auto', 2))
    peer.wait_for(lambda: costmap.is_wanted, 'the subscriber')

    def add(camera: str, grid: OccupancyGrid, decay_s: float = 0.0) -> OccupancyGrid:
        del received[:]
        costmap.add(camera, grid, decay_s)
        return peer.last(received, 'the fused costmap')

    yield add
    costmap.configure(None)
    assert not costmap.is_wanted


def test_grids_meet_where_their_cells_are_in_the_world(fused_costmap):
    rng = np.random.default_rng(7)
    first, second = (rng.integers(-1, 101, (8, 8)) for _ in range(2))
    fused_costmap('a', message(first, 10.0, (-3.2, 40.1)))
    # Three cells on and two cells back: the newest one's window counts.
    grid = fused_costmap('b', message(second, 10.5, (-2.9, 39.9)))
    expected = second.copy()
    for row in range(8):
        for column in range(8):
            there = row - 2, column + 3
            if there[0] >= 0 and there[1] < 8:
                expected[row, column] = max(expected[row, column], first[there])
    np.testing.assert_array_equal(costs_of(grid), expected)
    assert grid.info.origin.position.x == -2.9
    # An older one that comes later moves nothing, and has its place.
    late = fused_costmap('a', message(first, 10.2, (-3.2, 40.1)))
    np.testing.assert_array_equal(costs_of(late), expected)
    assert (late.header.stamp.sec, late.header.stamp.nanosec) == (10, 500_000_000)


def test_other_times_and_other_forms_begin_anew(fused_costmap):
    full, empty = np.full((4, 4), 100), np.full((4, 4), -1)
    fused_costmap('a', message(full, 10.0, (0.0, 0.0)))
    assert max(fused_costmap('b', message(empty, 14.0, (0.0, 0.0)), 5.0).data) == 100
    assert max(fused_costmap('b', message(empty, 16.0, (0.0, 0.0)), 5.0).data) == -1
    fused_costmap('a', message(full, 16.0, (0.0, 0.0)))
    # The clock goes back, as where a bag begins again.
    assert max(fused_costmap('b', message(empty, 1.0, (0.0, 0.0))).data) == -1
    fused_costmap('a', message(full, 1.0, (0.0, 0.0)))
    coarse = message(empty, 1.0, (0.0, 0.0), resolution=0.2)
    assert max(fused_costmap('b', coarse).data) == -1
