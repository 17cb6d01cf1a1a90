# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Play pictures as a camera and segment them: image_source, and all that seg.launch.py offers."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from rtformer_ros.files.fastdds_profile import profile_variables
from rtformer_ros.files.packaged_files import find_topic_names
from rtformer_ros.ros.interface.remaps import load_topic_names, one_camera

SEGMENTATION = Path(get_package_share_directory('rtformer_ros')) / 'launch' / 'seg.launch.py'


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'source',
                default_value='',
                description='Video file, image folder, photograph, bag or /dev/videoN; '
                'empty: the packaged clip',
            ),
            DeclareLaunchArgument(
                'loop',
                default_value='true',
                description='true: start again at the end; false: end, and everything with it',
            ),
            # Declares its own arguments (model, engine, rviz, ...), which work here as well.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SEGMENTATION))),
            OpaqueFunction(function=start_camera),
        ]
    )


def start_camera(context: LaunchContext) -> list[Node]:
    """Return the camera; when it ends, so does everything."""

    def argument(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    compat = argument('compat')
    names = load_topic_names(find_topic_names(compat)) if compat else {}
    camera = one_camera(argument('image'), argument('camera_info'), names=names)
    enlarged = argument('fastdds_profile').lower() == 'true'
    return [
        Node(
            package='rtformer_ros',
            executable='image_source',
            namespace=argument('namespace'),
            parameters=[
                {
                    'source': ParameterValue(argument('source'), value_type=str),
                    'loop': argument('loop').lower() == 'true',
                    'wait_for_subscribers': 1,
                }
            ],
            remappings=[('image', camera.image), ('camera_info', camera.camera_info)],
            additional_env=profile_variables(os.environ) if enlarged else {},
            on_exit=[Shutdown(reason='the pictures have ended')],
            output='screen',
        )
    ]
