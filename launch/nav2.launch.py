# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segment a depth camera for Nav2's semantic segmentation layer: seg.launch.py with its names."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource

SEGMENTATION = Path(get_package_share_directory('rtformer_ros')) / 'launch' / 'seg.launch.py'
CAMERA = '/camera/camera'

# The topics of realsense2_camera with align_depth.enable; give those of your camera.
ARGUMENTS = {
    'image': (f'{CAMERA}/color/image_raw', 'Colour image topic'),
    'camera_info': ('', "Topic of the CameraInfo; empty: 'camera_info' beside the colour image"),
    'depth': (
        f'{CAMERA}/aligned_depth_to_color/image_raw',
        'Depth image topic, aligned to the colour image: ~/points is made of it',
    ),
    'compat': ('nav2_semantic_layer', 'Names for the topics, as seg.launch.py takes them'),
}


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    # Declares its own arguments (model, engine, rviz, ...), which work here as well.
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SEGMENTATION)))
    return LaunchDescription([*declared, OpaqueFunction(function=check_vision_msgs), included])


def check_vision_msgs(context: LaunchContext) -> None:
    """Refuse to start what the layer would ignore: it takes names and ids from ~/label_info."""
    del context
    if importlib.util.find_spec('vision_msgs') is None:
        distribution = os.environ.get('ROS_DISTRO', 'DISTRIBUTION')
        raise RuntimeError(
            "Nav2's semantic segmentation layer needs the label_info topic, and that needs the "
            f'package vision_msgs: sudo apt install ros-{distribution}-vision-msgs'
        )
