# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Costmaps in a frame that the robot drives through, as peers receive them."""

import math

from closed_form_models import brightest_channel
from depth_camera import DepthCamera, info_of, picture_of
from diagnostic_msgs.msg import DiagnosticStatus
from ground_scene import Extrinsics, Lens, Scene
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
import ros_peer
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import GeometryError
from rtformer_ros.ros.frames.config import configure_frames, CurrentConfig
from rtformer_ros.ros.input.transforms import FrameTransform, TransformSource
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.node.camera import Camera
from rtformer_ros.ros.node.frame_worker import FrameWorker
from rtformer_ros.stream.latest_queue import LatestQueue

LENS = Lens('plumb_bob', (0.0,) * 5, 240, 320, 300.0)
FRONT_M = 5.0
# Where the robot is when its way is 0, and where it heads.
START_M, HEADING_RAD = (40.03, -7.01), math.pi / 2


class DrivingRobot(TransformSource):
    """Transforms of a robot that knows where it was; `ways_m` by the number of the image."""

    def __init__(self, node) -> None:
        super().__init__(node)
        self.ways_m: dict[int, float] = {}
        self.asked: list[tuple[str, str]] = []

    def at_stamp(self, target, source, header):
        self.asked.append((target, source))
        number = header.stamp.sec - 1000
        if number not in self.ways_m:
            raise GeometryError(f'nobody knows where the robot was at image {number}')
        half = HEADING_RAD / 2
        x_m, y_m = START_M[0], START_M[1] + self.ways_m[number]
        return FrameTransform((x_m, y_m, 0.2), (0.0, 0.0, math.sin(half), math.cos(half)))


class Rig:
    """A camera of the node and its worker, in this process, on a robot that drives to a box."""

    def __init__(self, peer, model) -> None:
        self.peer, self.robot = peer, DrivingRobot(peer.node)
        values = {
            'camera.height_m': 1.5,
            'camera.pitch_deg': 10.0,
            'base_frame': 'floor',
            'costmap.frame': 'odom',
            'costmap.decay_s': 30.0,
            'costmap.size_m': 16.0,
        }
        defaults = {name: spec.default for name, spec in SPECS.items()}
        settings = NodeSettings.from_values({**defaults, **values})
        self.engine = open_engine(EngineRequest(model, 'onnxruntime', threads=1))
        self.grids = peer.collect(f'{peer.node.get_name()}/costmap', OccupancyGrid)
        current, queue = CurrentConfig(), LatestQueue()
        current.replace(configure_frames(self.engine, settings.frame))
        group = MutuallyExclusiveCallbackGroup()
        self.camera = Camera(peer.node, group, '', settings.camera)
        self.camera.offer(current.config)
        self.camera.start(queue)
        peer.node.create_timer(0.2, self.camera.follow_graph)
        self.worker = FrameWorker(peer.node, queue, current, 0.0, self.robot)
        self.source = ros_peer.Camera(peer)
        peer.wait_for(lambda: self.camera.wanted() == {'costmap'}, 'a subscriber')
        peer.wait_for(self.source.images.get_subscription_count, 'the camera to subscribe')
        self.source.calibrate(info_of(LENS))

    def see(self, way_m: float, *, is_known: bool = True) -> None:
        """Show the camera what it sees after that way."""
        box = (FRONT_M - way_m, FRONT_M + 1.0 - way_m, -1.0, 1.0, 1.0)
        image = picture_of(Scene(LENS, Extrinsics(pitch_deg=10.0), (box,)))
        if is_known:
            self.robot.ways_m[self.source._number + 1] = way_m
        self.source.publish(image)

    def grid(self, way_m: float) -> OccupancyGrid:
        del self.grids[:]
        self.see(way_m)
        return self.peer.last(self.grids, 'a costmap')

    def close(self) -> None:
        self.camera.close()
        assert self.worker.stop(10.0)
        self.engine.close()


@pytest.fixture
def rig(peer, tmp_path):
    rig = Rig(peer, brightest_channel(tmp_path / 'm.onnx', 240, 320))
    yield rig
    rig.close()


def world_cells(grid: OccupancyGrid, *, at_least: int) -> set[tuple[int, int]]:
    """Cells of the world (x, y in units of a cell) that cost so much."""
    side = grid.info.resolution
    corner = grid.info.origin.position
    first_x, first_y = corner.x / side, corner.y / side
    assert abs(first_x - round(first_x)) < 1e-3
    assert abs(first_y - round(first_y)) < 1e-3
    costs = np.array(grid.data).reshape(grid.info.height, grid.info.width)
    return {
        (round(first_x) + int(column), round(first_y) + int(row))
        for row, column in np.argwhere(costs >= at_least)
    }


def test_an_obstacle_keeps_its_place_while_the_robot_drives(rig):
    first = rig.grid(0.0)
    assert (first.header.frame_id, first.header.stamp.sec) == ('odom', 1001)
    assert set(rig.robot.asked) == {('odom', 'floor')}
    assert (first.info.width, first.info.height) == (160, 160)
    assert first.info.origin.orientation.w == 1.0
    before = world_cells(first, at_least=99)
    assert len(before) > 20
    for way_m in (0.4, 0.87, 1.33):
        after = rig.grid(way_m)
        # The robot heads along y: the window has moved as far, to half a cell.
        moved_m = after.info.origin.position.y - first.info.origin.position.y
        assert abs(moved_m - way_m) < 0.11
        assert after.info.origin.position.x == first.info.origin.position.x
        found = world_cells(after, at_least=1)
        # What was an obstacle is one still, and nothing is before the front of the box.
        assert before <= found
        front = START_M[1] + FRONT_M
        assert min(y for _, y in found) * 0.1 > front - 0.25
        xs = [x * 0.1 + 0.05 - START_M[0] for x, y in found if (y + 0.5) * 0.1 < front + 0.3]
        assert -1.25 < min(xs) < -0.8
        assert 0.8 < max(xs) < 1.25


def test_where_the_robots_pose_is_unknown_no_costmap_goes_out(rig):
    rig.grid(0.0)
    del rig.grids[:]
    rig.see(0.5, is_known=False)
    topic = '~/costmap'
    rig.peer.wait_for(lambda: topic in rig.camera.status.unserved_outputs, 'the reason')
    assert rig.camera.status.unserved_outputs[topic] == (
        'nobody knows where the robot was at image 2'
    )
    assert not rig.grids
    rig.grid(0.6)
    assert rig.camera.status.unserved_outputs == {}


def test_the_node_tells_what_it_needs_and_keeps_the_masks_coming(
    peer, camera, connect, start_node
):
    node = start_node(**{'camera.height_m': 1.0, 'costmap.frame': 'odom'})
    grids, masks = connect('costmap', OccupancyGrid), connect('mask')
    peer.watch_diagnostics()
    lens = Lens('plumb_bob', (0.0,) * 5, 48, 64, 60.0)
    DepthCamera(peer, camera).see(lens)
    camera.publish(np.full((48, 64, 3), (0, 255, 0), np.uint8))
    # Where tf2_ros is installed, there is no transform all the same.
    reasons = ('tf2_ros is not installed', 'TF has no transform')
    status = peer.wait_for_diagnostic(
        lambda s: any(reason in s.message for reason in reasons), 'a warning'
    )
    assert status.level == DiagnosticStatus.WARN
    assert any(reason in node.output for reason in reasons)
    peer.wait_for(lambda: masks, 'a mask all the same')
    assert not grids
    assert peer.set_parameter('costmap.frame', '').successful
    camera.publish(np.full((48, 64, 3), (0, 255, 0), np.uint8))
    grid = peer.last(grids, 'a costmap')
    assert grid.header.frame_id == 'base_link'
