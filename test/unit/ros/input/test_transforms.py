# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from geometry_msgs.msg import TransformStamped
from rclpy.time import Time
from rtformer_ros.errors import GeometryError
from rtformer_ros.ros.input.transforms import TransformSource
from std_msgs.msg import Header


class KnownTransforms(TransformSource):
    """Answers every look-up, the newest as of `newest_s`; `asked` are times and patience."""

    def __init__(self, newest_s: float) -> None:
        super().__init__(None)
        self.newest_s = newest_s
        self.asked: list[tuple[float, float]] = []
        self.forgotten = 0

    def _forget(self):
        self.forgotten += 1

    def _look_up(self, target, source, time, patience_s=0.0):
        self.asked.append((time.nanoseconds / 1e9, patience_s))
        found = TransformStamped(header=header_at(self.newest_s))
        found.transform.translation.x = 7.0
        found.transform.rotation.z, found.transform.rotation.w = 0.6, 0.8
        return found


def header_at(time_s: float, frame_id: str = 'camera') -> Header:
    header = Header(frame_id=frame_id)
    header.stamp.sec, header.stamp.nanosec = int(time_s), round(time_s % 1 * 1e9)
    return header


@pytest.mark.parametrize(
    ('newest_s', 'patience_s'),
    [(99.95, 0.1), (99.5, 0.1), (100.0, 0.0), (103.0, 0.0), (98.9, 0.0), (0.0, 0.0)],
)
def test_only_what_flows_and_is_late_is_waited_for(newest_s, patience_s):
    transforms = KnownTransforms(newest_s)
    found = transforms.at_stamp('odom', 'base_link', header_at(100.0))
    assert found.position_m == (7.0, 0.0, 0.0)
    assert found.quaternion_xyzw == (0.0, 0.0, 0.6, 0.8)
    assert transforms.asked == [(0.0, 0.0), (100.0, patience_s)]


@pytest.mark.parametrize(('sec', 'nanosec'), [(0, 0), (-5, 0)])
def test_a_stamp_that_would_mean_the_newest_is_refused(sec, nanosec):
    header = Header()
    header.stamp.sec, header.stamp.nanosec = sec, nanosec
    transforms = KnownTransforms(100.0)
    with pytest.raises(GeometryError, match='no stamp at which TF could tell'):
        transforms.at_stamp('odom', 'base_link', header)
    assert transforms.asked == []
    assert transforms.newest('a', 'b').position_m == (7.0, 0.0, 0.0)


def test_the_newest_is_asked_for_by_the_time_zero():
    transforms = KnownTransforms(3.0)
    transforms.newest('odom', 'base_link')
    assert transforms.asked == [(Time().nanoseconds, 0.0)]


def test_transforms_from_before_a_recording_began_anew_are_forgotten():
    transforms = KnownTransforms(100.0)
    transforms.at_stamp('odom', 'base_link', header_at(100.0))
    with pytest.raises(GeometryError, match='gone back to 99 s before'):
        transforms.at_stamp('odom', 'base_link', header_at(1.0))
    assert transforms.forgotten == 1
    transforms.newest_s = 1.0
    transforms.at_stamp('odom', 'base_link', header_at(1.1))
    assert transforms.forgotten == 1


def test_transforms_are_kept_for_a_clock_that_lags_or_trembles():
    transforms = KnownTransforms(100.0)
    # Less than TF remembers, and a camera whose clock is behind that of another one.
    for time_s, frame_id in ((99.0, 'a'), (95.0, 'a'), (80.0, 'b'), (99.5, 'a'), (80.1, 'b')):
        transforms.at_stamp('odom', 'base_link', header_at(time_s, frame_id))
    assert transforms.forgotten == 0


def test_whoever_asks_after_the_end_is_refused_and_listens_to_nothing():
    transforms = TransformSource(None)
    transforms.close()
    with pytest.raises(GeometryError, match='the node was deactivated'):
        transforms.newest('odom', 'base_link')
