# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""No stamp costs a frame: negative, absurd, jumping back or standing still."""

from depth_camera import info_of
from ground_scene import Lens
from nav_msgs.msg import OccupancyGrid
import numpy as np
import pytest
from ros_peer import noise, values_of
from rosgraph_msgs.msg import Clock
from rtformer_ros.ros.input.image_messages import image_array, new_image
from sensor_msgs.msg import Image, LaserScan, PointCloud2

LENS = Lens('plumb_bob', (0.0, 0.0, 0.0, 0.0, 0.0), 48, 64, 60.0)
EXTREMES = [
    (0, 0),
    (-1, 0),
    (-1, 999_999_999),
    (-(2**31), 0),
    (-(2**31), 2**32 - 1),
    (2**31 - 1, 999_999_999),
    (2**31 - 1, 2**32 - 1),
    (0, 2**32 - 1),
    (1000, 7),
    (1000, 7),
    (999, 7),
]
RNG = np.random.default_rng(3)
RANDOM = [
    (int(RNG.integers(-(2**31), 2**31)), int(RNG.integers(0, 2**32)))
    for _ in range(20)
]  # fmt: skip
AHEAD = 3
CLOCKS = {
    'stands still': [5] * 12,
    'has not begun': [0] * 12,
    'loops': [100, 101, 102, 100, 101, 102, 1, 101, 50, 51, 52, 53],
}


def stamped(sec: int, nanosec: int) -> Image:
    message = new_image(48, 64, 'rgb8')
    image_array(message)[:] = noise()
    message.header.frame_id = 'camera_optical_frame'
    message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
    return message


def depth_of(image: Image) -> Image:
    message = Image(header=image.header, height=48, width=64, encoding='16UC1', step=128)
    message.data = np.full(48 * 64, 2000, np.uint16).tobytes()
    return message


def stamps(messages: list) -> list[tuple[int, int]]:
    return [(m.header.stamp.sec, m.header.stamp.nanosec) for m in messages]


@pytest.fixture
def all_outputs(start_node, peer, camera, connect):
    """Return a function that starts a node with all that looks at stamps, and its outputs."""

    def start(**parameters) -> dict[str, list]:
        start_node(
            temporal_smoothing=0.5,
            costmap__decay_s=1.0,
            camera__height_m=0.5,
            camera__pitch_deg=20.0,
            **parameters,
        )
        outputs = {
            'mask': connect('mask'),
            'costmap': connect('costmap', OccupancyGrid),
            'scan': connect('scan', LaserScan),
            'points': connect('points', PointCloud2),
        }
        peer.watch_diagnostics()
        camera.calibrate(info_of(LENS))
        peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
        return outputs

    return start


def test_every_frame_of_any_stamp_is_published_and_none_is_counted_as_failed(
    all_outputs, peer, camera
):
    outputs = all_outputs()
    depths = peer.node.create_publisher(Image, 'depth/image', 5)
    peer.wait_until_heard(depths)
    sent = [*EXTREMES, *RANDOM]
    # A depth image that comes after its image is waited for only where depth flows in order. So
    # each is sent some frames ahead; the node keeps more than these.
    for stamp in sent[:AHEAD]:
        depths.publish(depth_of(stamped(*stamp)))
    for count, stamp in enumerate(sent, 1):
        for later in sent[count - 1 + AHEAD :][:1]:
            depths.publish(depth_of(stamped(*later)))
        message = stamped(*stamp)
        camera.images.publish(message)
        peer.wait_for(lambda count=count: len(outputs['mask']) == count, f'the mask of {stamp}')
    for topic, messages in outputs.items():
        peer.wait_for(lambda m=messages: len(m) >= len(sent), f'all messages of {topic}')
        assert stamps(messages) == sent, topic
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['frames segmented'] == str(len(sent)), 'all frames segmented'
    )
    assert values_of(status)['dropped: failed'] == '0'
    assert values_of(status)['last error'] == ''


@pytest.mark.parametrize('name', CLOCKS)
def test_frames_and_diagnostics_go_on_with_a_simulated_clock_that(name, all_outputs, peer, camera):
    clock = peer.node.create_publisher(Clock, '/clock', 10)
    outputs = all_outputs(use_sim_time=True, max_rate_hz=1000.0)
    peer.wait_for(clock.get_subscription_count, 'the node to hear the clock')
    for count, sec in enumerate(CLOCKS[name], 1):
        tick = Clock()
        tick.clock.sec = sec
        clock.publish(tick)
        peer.spin_for(0.05)
        camera.images.publish(stamped(sec, 0))
        peer.wait_for(lambda count=count: len(outputs['mask']) == count, f'mask {count}')
    total = str(len(CLOCKS[name]))
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['frames segmented'] == total, 'all frames segmented'
    )
    assert values_of(status)['dropped: failed'] == '0'
    assert stamps(outputs['costmap']) == [(sec, 0) for sec in CLOCKS[name]]
