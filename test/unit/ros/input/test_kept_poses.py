# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import sys
import tracemalloc

from rtformer_ros.geometry.camera_pose import CameraPose
from rtformer_ros.ros.input.camera_pose import KeptPoses


def pose_at(height_m: float) -> CameraPose:
    return CameraPose.from_angles(height_m, pitch_rad=0.1)


def test_a_pose_that_trembles_stays_the_same_and_one_that_moves_does_not():
    poses, first = KeptPoses(), pose_at(1.0)
    assert poses.settled(('base', 'camera'), first) is first
    for height_m in (1.001, 0.999, 1.004):
        assert poses.settled(('base', 'camera'), pose_at(height_m)) is first
    moved = pose_at(1.1)
    assert poses.settled(('base', 'camera'), moved) is moved
    assert poses.settled(('base', 'other'), first) is first


def test_names_of_frames_do_not_fill_the_memory_nor_drive_out_those_in_use():
    poses, used = KeptPoses(), pose_at(1.0)
    poses.settled(('base', 'camera'), used)
    tracemalloc.start()
    try:
        for number in range(2000):
            poses.settled(('base', f'{number:04}' * 256), pose_at(2.0))
            assert poses.settled(('base', 'camera'), pose_at(1.001)) is used
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Not 2000 names of 1 kB, but some dozens of them.
    assert kept_bytes < 100 * (sys.getsizeof('0123' * 256) + 1000)
