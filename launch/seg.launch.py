# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Segment a camera topic with segmentation_node and, on request, watch it in RViz."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from ament_index_python.packages import (
    get_package_prefix,
    get_package_share_directory,
    PackageNotFoundError,
)
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from rtformer_ros.files.fastdds_profile import profile_variables
from rtformer_ros.files.packaged_files import find_topic_names
from rtformer_ros.files.yaml_file import read_yaml
from rtformer_ros.ros.interface.conversions import read_camera_names, split_texts
from rtformer_ros.ros.interface.remaps import (
    CameraTopics,
    load_topic_names,
    one_camera,
    several_cameras,
)
from rtformer_ros.ros.interface.topics import DEPTH_TOPIC, IMAGE_TOPIC

LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')
MOST_PORT = 65535
BOOLS = ['true', 'false', 'True', 'False']
SHARE = Path(get_package_share_directory('rtformer_ros'))
# What config/seg.rviz shows of the node.
SHOWN_TOPICS = ('overlay', 'color_mask', 'legend', 'points', 'costmap', 'scan')

# Arguments that are parameters of the node. An empty one leaves what params_file says.
PARAMETERS = {
    'model': (str, 'Model file, or the name of a packaged or fetched model'),
    'engine': (str, 'What runs the model: auto, tensorrt, openvino, onnxruntime, torch'),
    'engine_fallback': (str, 'Engine that segments while the first model is built, or none'),
    'device': (str, 'Device of the engine: auto, cpu, cuda, cuda:N, gpu, npu'),
    'labels': (str, 'Label set: a YAML file, or the name of a packaged one (camvid, cityscapes)'),
    'image_transport': (str, 'auto, raw, or compressed to subscribe to IMAGE/compressed'),
    'autostart': (bool, 'true: configure and activate at start; false: a lifecycle manager does'),
    'use_sim_time': (bool, 'true: take the time from /clock, as with a simulator or a bag'),
}
OTHERS = {
    'cameras': (
        '',
        "Names of several cameras, as in 'front,left'; image, camera_info and depth then have "
        '{camera} for the name, as in /{camera}/image_raw; empty: one camera',
    ),
    'image': (IMAGE_TOPIC, 'Camera topic'),
    'camera_info': ('', "Topic of the CameraInfo; empty: 'camera_info' beside the camera topic"),
    'depth': (
        DEPTH_TOPIC,
        'Topic of the depth image aligned to the camera, for ~/points',
    ),
    'compat': (
        '',
        'Names of another package for the topics: isaac_ros, ros_deep_learning, '
        "nav2_semantic_layer, or a YAML file; empty: the node's own",
    ),
    'namespace': ('', 'Namespace of the node and of its relative topics'),
    'name': ('segmentation_node', 'Name of the node; its outputs are under NAME/'),
    'params_file': (str(SHARE / 'config' / 'seg.yaml'), 'YAML file with parameters; empty: none'),
    'rviz': ('false', 'true: open RViz (package rviz2) with all that the node shows'),
    'web': ('false', 'true: serve a page to look at and tune the node'),
    'web_port': ('8080', 'Port of that page on 127.0.0.1'),
    'log_level': ('info', 'debug, info, warn, error or fatal; or LOGGER:=LEVEL'),
    'fastdds_profile': (
        'true',
        'true: give FastDDS room for large images unless a profile of yours is set; false: never',
    ),
}


def generate_launch_description() -> LaunchDescription:
    parameters = [
        DeclareLaunchArgument(
            name,
            default_value='',
            description=f'{text}. Empty: as in params_file',
            choices=['', *BOOLS] if kind is bool else None,
        )
        for name, (kind, text) in PARAMETERS.items()
    ]
    others = [
        DeclareLaunchArgument(
            name,
            default_value=default,
            description=text,
            choices=BOOLS if default in BOOLS else None,
        )
        for name, (default, text) in OTHERS.items()
    ]
    return LaunchDescription([*parameters, *others, OpaqueFunction(function=start_nodes)])


def start_nodes(context: LaunchContext) -> list[Node]:
    """Return the nodes that the arguments ask for; all that they need is looked up before."""
    arguments = {
        name: LaunchConfiguration(name).perform(context) for name in (*PARAMETERS, *OTHERS)
    }
    check_log_level(arguments['log_level'])
    compat = arguments['compat']
    names = load_topic_names(find_topic_names(compat)) if compat else {}
    cameras = camera_topics(arguments, names)
    nodes = [segmentation_node(arguments, names, cameras)]
    if is_true(arguments['rviz']):
        check_rviz()
        nodes.append(rviz(arguments, names, cameras[0]))
    if is_true(arguments['web']):
        check_web(arguments['web_port'])
        nodes.append(web(arguments, names))
    return nodes


def camera_topics(arguments: dict[str, str], names: dict[str, str]) -> list[CameraTopics]:
    """Return the topics of each camera, at least one."""
    asked = (arguments['image'], arguments['camera_info'], arguments['depth'])
    cameras = read_camera_names(split_texts(arguments['cameras']))
    if cameras == ('',):
        return [one_camera(*asked, names)]
    if names:
        raise RuntimeError('compat names the topics of one camera; leave it or cameras out')
    return several_cameras(cameras, *asked)


def segmentation_node(
    arguments: dict[str, str], names: dict[str, str], cameras: list[CameraTopics]
) -> Node:
    """Return the node itself; it activates itself, so a plain Node action starts it."""
    named = [camera.camera for camera in cameras if camera.camera]
    extra = profile_variables(os.environ) if is_true(arguments['fastdds_profile']) else {}
    return Node(
        package='rtformer_ros',
        executable='segmentation_node',
        name=arguments['name'],
        namespace=arguments['namespace'],
        parameters=[
            *parameter_files(arguments['params_file']),
            overrides(arguments),
            *([{'cameras': named}] if named else []),
        ],
        remappings=[
            *(pair for camera in cameras for pair in camera.remappings()),
            *((name, other) for name, other in names.items() if name.startswith('~/')),
        ],
        arguments=['--ros-args', '--log-level', arguments['log_level']],
        additional_env=extra,
        output='screen',
    )


def rviz(arguments: dict[str, str], names: dict[str, str], camera: CameraTopics) -> Node:
    """Return RViz, which shows one camera; its configuration names topics without namespace."""
    namespace = absolute(arguments['namespace'], '')
    node = absolute(arguments['name'], namespace)
    outputs = f'{node}/{camera.camera}'.rstrip('/')
    shown = {topic: names.get(f'~/{topic}', f'{outputs}/{topic}') for topic in SHOWN_TOPICS}
    return Node(
        package='rviz2',
        executable='rviz2',
        arguments=['-d', str(SHARE / 'config' / 'seg.rviz')],
        parameters=[{'use_sim_time': is_true(arguments['use_sim_time'])}],
        remappings=[
            ('/image', absolute(camera.image, namespace)),
            *(
                (f'/segmentation_node/{topic}', absolute(other, namespace))
                for topic, other in shown.items()
            ),
        ],
        output='screen',
    )


def web(arguments: dict[str, str], names: dict[str, str]) -> Node:
    """Return the node that serves the page; it knows the other one's topics by its name."""
    namespace = absolute(arguments['namespace'], '')
    node = absolute(absolute(arguments['name'], namespace), '')
    return Node(
        package='rtformer_ros',
        executable='web',
        name=f'{arguments["name"]}_web',
        namespace=arguments['namespace'],
        parameters=[
            {
                'node': ParameterValue(f'/{node.lstrip("/")}', value_type=str),
                'port': int(arguments['web_port']),
                'use_sim_time': is_true(arguments['use_sim_time']),
            }
        ],
        remappings=[
            (f'/{node.lstrip("/")}/{name.removeprefix("~/")}', absolute(other, namespace))
            for name, other in names.items()
            if name.startswith('~/')
        ],
        output='screen',
    )


def parameter_files(path: str) -> list[str]:
    """Return the parameter file, if there is to be one; launch itself only warns of a bad one."""
    if not path:
        return []
    if not Path(path).is_file():
        raise RuntimeError(f"params_file is '{path}', which is no file; give an absolute path")
    read_yaml(Path(path), 'params_file')
    return [path]


def check_log_level(text: str) -> None:
    """Refuse what ROS would: a level, or LOGGER:=LEVEL, is expected."""
    if text.rpartition(':=')[2].lower() not in LEVELS:
        raise RuntimeError(
            f"log_level is '{text}'; expected one of: {', '.join(LEVELS)}, or LOGGER:=LEVEL"
        )


def check_rviz() -> None:
    """Refuse to start a part of what was asked for."""
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError as error:
        distribution = os.environ.get('ROS_DISTRO', 'DISTRIBUTION')
        raise RuntimeError(
            'rviz:=true needs the package rviz2, which is not installed: '
            f'sudo apt install ros-{distribution}-rviz2, or leave rviz out'
        ) from error


def check_web(port: str) -> None:
    """Refuse a page without its library, or on what is no port."""
    if importlib.util.find_spec('aiohttp') is None:
        raise RuntimeError(
            'web:=true needs the library aiohttp, which is not installed: '
            'sudo apt install python3-aiohttp, or leave web out'
        )
    if not port.isdecimal() or int(port) > MOST_PORT:
        raise RuntimeError(f"web_port is '{port}'; expected a number, 0 to {MOST_PORT}")


def overrides(arguments: dict[str, str]) -> dict[str, bool | ParameterValue]:
    """Return the parameters that were given as arguments; '640' stays the text that it is."""
    return {
        name: is_true(arguments[name])
        if kind is bool
        else ParameterValue(arguments[name], value_type=str)
        for name, (kind, _) in PARAMETERS.items()
        if arguments[name]
    }


def absolute(topic: str, namespace: str) -> str:
    """Return a topic's or namespace's full name; the empty namespace stays empty."""
    return topic if topic.startswith('/') or not topic else f'{namespace}/{topic}'


def is_true(argument: str) -> bool:
    """Read a switch, as YAML and Python spell it."""
    return argument.lower() == 'true'
