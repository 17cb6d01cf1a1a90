# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Costmap and scan share the ground view of their camera, which is computed once."""

from functools import cached_property

from depth_camera import info_of, SMALL
from nav_msgs.msg import OccupancyGrid
import pytest
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
import ros_peer
from ros_peer import noise
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.geometry.ground_plane import GroundView
from rtformer_ros.ros.frames.config import configure_frames, CurrentConfig
from rtformer_ros.ros.input.transforms import TransformSource
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.node.camera import Camera
from rtformer_ros.ros.node.frame_worker import FrameWorker
from rtformer_ros.stream.cached import Cached
from rtformer_ros.stream.latest_queue import LatestQueue
from sensor_msgs.msg import LaserScan

NAMES = ('left', 'right')
KINDS = {'costmap': OccupancyGrid, 'scan': LaserScan}


def settings(height_m):
    defaults = {name: spec.default for name, spec in SPECS.items()}
    return NodeSettings.from_values({**defaults, 'camera.height_m': height_m})


class Rig:
    """Cameras of the node, with its worker, in this process; `computed` are their ground views."""

    def __init__(self, peer, model):
        self.peer = peer
        self.computed = computed = []

        class CountedView(GroundView):
            @cached_property
            def points_hw2(self):
                computed.append(self)
                return super().points_hw2

        self.engine = open_engine(EngineRequest(model, 'onnxruntime', threads=1))
        self.received = {
            (name, topic): peer.collect(f'{peer.node.get_name()}/{name}/{topic}', kind)
            for name in NAMES
            for topic, kind in KINDS.items()
        }
        group = MutuallyExclusiveCallbackGroup()
        self.cameras = [Camera(peer.node, group, name, settings(1.0).camera) for name in NAMES]
        self.current, queue = CurrentConfig(), LatestQueue()
        self.configure(1.0)
        for camera in self.cameras:
            camera.ground_view = Cached(CountedView)
            camera.start(queue)
            peer.node.create_timer(0.2, camera.follow_graph)
        self.worker = FrameWorker(peer.node, queue, self.current, 0.0, TransformSource(peer.node))
        self.sources = [ros_peer.Camera(peer, topic=f'{name}/image') for name in NAMES]
        for source, camera in zip(self.sources, self.cameras, strict=True):
            peer.wait_for(lambda c=camera: c.wanted() == set(KINDS), 'subscribers of its outputs')
            peer.wait_for(source.images.get_subscription_count, 'the camera to subscribe')
            source.calibrate(info_of(SMALL))

    def configure(self, height_m):
        config = configure_frames(self.engine, settings(height_m).frame)
        self.current.replace(config)
        for camera in self.cameras:
            camera.offer(config)

    def show_frames(self, count):
        """Send each camera so many frames in turns, and wait for what is made of each."""
        for _ in range(count):
            for messages in self.received.values():
                messages.clear()
            for source in self.sources:
                source.publish(noise())
            self.peer.wait_for(lambda: all(self.received.values()), 'costmaps and scans')

    def close(self):
        for camera in self.cameras:
            camera.close()
        assert self.worker.stop(10.0)
        self.engine.close()


@pytest.fixture
def rig(peer, models):
    rig = Rig(peer, models / 'rgb.onnx')
    yield rig
    rig.close()


def test_costmap_and_scan_of_a_camera_share_one_ground_view(rig):
    rig.show_frames(3)
    assert len(rig.computed) == len(NAMES)
    rig.configure(height_m=2.0)
    rig.show_frames(2)
    assert [view.pose.position_m[2] for view in rig.computed] == [1.0, 1.0, 2.0, 2.0]
