# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The launch files, run by the real launch system from an installed workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import importlib.util
import json
import os
from pathlib import Path
import re
import subprocess
import sys
import time
from types import MappingProxyType
from typing import Any
import urllib.request

import pytest

if importlib.util.find_spec('launch_ros') is None:
    pytest.skip("ROS 2's launch_ros is not installed", allow_module_level=True)

from closed_form_models import brightest_channel
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
service = LaunchService()
given = [tuple(argument.split(':=', 1)) for argument in sys.argv[2:]]
source = AnyLaunchDescriptionSource(sys.argv[1])
included = IncludeLaunchDescription(source, launch_arguments=given)
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""
PROFILE_NAMES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('model') / '640.onnx'
    brightest_channel(path)
    return path


@pytest.fixture
def launch(
    install_prefix: Path, installed_environment: dict[str, str], start_child: Callable[..., Any]
) -> Callable[..., Any]:
    """
    Return a function that runs a launch file with arguments and, if given, more variables.

    prefix: goes before the others of ament. paths: variables that are added to.
    """

    def run(
        name: str,
        *arguments: str,
        prefix: str = '',
        paths: Mapping[str, str] = MappingProxyType({}),
        **more: str,
    ) -> Any:
        file = install_prefix / 'share' / 'rtformer_ros' / 'launch' / name
        env = {key: v for key, v in installed_environment.items() if key not in PROFILE_NAMES}
        if prefix:
            env['AMENT_PREFIX_PATH'] = f'{prefix}{os.pathsep}{env["AMENT_PREFIX_PATH"]}'
        for key, added in paths.items():
            env[key] = os.pathsep.join(filter(None, [env.get(key), added]))
        return start_child([sys.executable, '-c', LAUNCH, file, *arguments], {**env, **more})

    return run


class Peer:
    """A node of the test's own, and what it asks others."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def wait_for(self, condition: Callable[[], Any], what: str, timeout_s: float = 40.0) -> Any:
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            if result := condition():
                return result
            rclpy.spin_once(self.node, timeout_sec=0.05)
        raise AssertionError(f'waited {timeout_s:g} s for {what}')

    def ask(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        self.wait_for(client.service_is_ready, name)
        future = client.call_async(request)
        self.wait_for(future.done, f'an answer of {name}')
        return future.result()

    def parameters(self, node: str, *names: str) -> list[Any]:
        answer = self.ask(
            GetParameters, f'{node}/get_parameters', GetParameters.Request(names=names)
        )
        kinds = {1: 'bool_value', 2: 'integer_value', 3: 'double_value', 4: 'string_value'}
        return [getattr(value, kinds[value.type]) for value in answer.values]

    def state(self, node: str) -> str:
        return self.ask(GetState, f'{node}/get_state', GetState.Request()).current_state.label


@pytest.fixture
def peer() -> Iterator[Peer]:
    rclpy.init()
    node = rclpy.create_node('launch_test')
    yield Peer(node)
    node.destroy_node()
    rclpy.try_shutdown()


def environment_of(executable: str) -> dict[str, str] | None:
    """Return the environment of the process that runs `executable` in this test's domain."""
    for folder in Path('/proc').iterdir():
        try:
            command = (folder / 'cmdline').read_bytes()
            if folder.name.isdigit() and f'lib/rtformer_ros/{executable}'.encode() in command:
                variables = (folder / 'environ').read_bytes().decode().split('\0')
                found = dict(variable.split('=', 1) for variable in variables if '=' in variable)
                if found.get('ROS_DOMAIN_ID') == os.environ['ROS_DOMAIN_ID']:
                    return found
        except OSError:
            continue
    return None


def test_arguments_reach_the_node_and_empty_ones_leave_the_file(
    launch: Callable[..., Any], peer: Peer, model: Path, tmp_path: Path
) -> None:
    params = tmp_path / 'mine.yaml'
    params.write_text(
        '/**:\n  ros__parameters:\n    model: from_the_file.onnx\n    jpeg_quality: 42\n'
        '    device: cpu\n'
    )
    process = launch(
        'seg.launch.py', f'params_file:={params}', f'model:={model}', 'engine:=onnxruntime',
        'namespace:=robot', 'name:=eyes', 'image:=front/image_raw', 'log_level:=warn',
    )  # fmt: skip
    node = '/robot/eyes'
    names = ('model', 'engine', 'jpeg_quality', 'device', 'labels', 'use_sim_time')
    values = peer.parameters(node, *names)
    assert values == [str(model), 'onnxruntime', 42, 'cpu', '', False]
    peer.wait_for(lambda: peer.state(node) == 'active', 'the node to activate itself')
    # A node that nobody listens to does not subscribe.
    peer.node.create_subscription(Image, f'{node}/mask', lambda _: None, 5)
    count = peer.node.count_subscribers
    peer.wait_for(lambda: count('/robot/front/image_raw'), 'a subscription to the camera')
    peer.wait_for(lambda: count('/robot/front/camera_info'), 'a subscription to its camera_info')
    assert peer.node.count_publishers(f'{node}/mask') == 1
    assert process.interrupt() == 0
    assert 'Traceback' not in process.output


@pytest.mark.skipif(importlib.util.find_spec('aiohttp') is None, reason='the page needs aiohttp')
def test_the_page_shows_the_node(launch: Callable[..., Any], peer: Peer, model: Path) -> None:
    process = launch(
        'seg.launch.py', f'model:={model}', 'namespace:=robot', 'name:=eyes', 'web:=true',
        'web_port:=0',
    )  # fmt: skip
    shown = re.compile(r'http://127\.0\.0\.1:\d+')
    address = peer.wait_for(lambda: shown.search(process.output), 'the address of the page')[0]

    def state() -> dict[str, Any]:
        with urllib.request.urlopen(f'{address}/api/state', timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    found = peer.wait_for(lambda: (s := state())['statuses'] and s, 'what the node says')
    assert (found['node'], found['is_there']) == ('/robot/eyes', True)
    assert process.interrupt() == 0
    assert 'Traceback' not in process.output


def test_switches_reach_the_node(launch: Callable[..., Any], peer: Peer, model: Path) -> None:
    process = launch(
        'seg.launch.py', f'model:={model}', 'autostart:=False', 'use_sim_time:=true',
        'image:=/cam/image', 'image_transport:=compressed',
    )  # fmt: skip
    node = '/segmentation_node'
    assert peer.parameters(node, 'autostart', 'use_sim_time') == [False, True]
    assert peer.parameters(node, 'image_transport') == ['compressed']
    assert peer.state(node) == 'unconfigured'
    assert 'waiting for a lifecycle manager' in process.output
    assert f'ros2 lifecycle set {node} configure' in process.output
    assert process.interrupt() == 0
    assert 'process has finished cleanly' in process.output


def test_the_node_takes_the_names_of_others(
    launch: Callable[..., Any], peer: Peer, model: Path
) -> None:
    masks: list[Image] = []
    peer.node.create_subscription(Image, '/robot/unet/raw_segmentation_mask', masks.append, 5)
    images = peer.node.create_publisher(Image, '/robot/image', 5)
    launch('seg.launch.py', 'compat:=isaac_ros', 'namespace:=robot', f'model:={model}')
    peer.wait_for(images.get_subscription_count, 'a subscription to the camera')
    peer.wait_for(
        lambda: peer.node.count_publishers('/robot/unet/raw_segmentation_mask'), 'a mask'
    )
    image = Image(height=2, width=3, encoding='rgb8', step=9, data=bytes(18))
    image.header.frame_id = 'front'

    def answered() -> bool:
        images.publish(image)
        return bool(masks)

    peer.wait_for(answered, 'a mask under the other name')
    assert (masks[0].header.frame_id, masks[0].encoding, masks[0].step) == ('front', 'mono8', 3)


@pytest.mark.parametrize('cameras', ['front, left', '[front,left]'])
def test_several_cameras_are_found_by_their_names(
    launch: Callable[..., Any], peer: Peer, model: Path, cameras: str
) -> None:
    launch(
        'seg.launch.py', f'model:={model}', f'cameras:={cameras}', 'image:=/{camera}/image_raw',
        'namespace:=robot',
    )  # fmt: skip
    for camera in ('front', 'left'):
        mask = f'/robot/segmentation_node/{camera}/mask'
        peer.node.create_subscription(Image, mask, print, 5)
        peer.wait_for(lambda n=mask: peer.node.count_publishers(n), mask)
        for topic in ('image_raw', 'camera_info'):
            name = f'/{camera}/{topic}'
            peer.wait_for(lambda n=name: peer.node.count_subscribers(n), f'a subscriber of {name}')


def test_a_depth_camera_is_made_ready_for_nav2(
    launch: Callable[..., Any], peer: Peer, model: Path, vision_msgs: dict[str, str]
) -> None:
    masks: list[Image] = []
    peer.node.create_subscription(Image, '/segmentation/mask', masks.append, 5)
    process = launch(
        'nav2.launch.py', f'model:={model}', 'image:=/rgbd/color/image', paths=vision_msgs
    )
    images = peer.node.create_publisher(Image, '/rgbd/color/image', 5)
    peer.wait_for(images.get_subscription_count, 'a subscription to the colour image')
    count = peer.node.count_subscribers
    peer.wait_for(lambda: count('/rgbd/color/camera_info'), 'a subscription to its calibration')
    published = peer.node.count_publishers
    for topic in ('mask', 'confidence', 'overlay'):
        peer.wait_for(lambda t=topic: published(f'/segmentation/{t}'), f'/segmentation/{topic}')
    image = Image(height=2, width=3, encoding='rgb8', step=9, data=bytes(18))

    def answered() -> bool:
        images.publish(image)
        return bool(masks)

    peer.wait_for(answered, 'a mask for the costmap')
    assert process.interrupt() == 0


@pytest.mark.parametrize('profile', ['packaged', 'own', 'off'])
def test_fastdds_gets_the_profile_unless_the_user_chose(
    launch: Callable[..., Any], peer: Peer, install_prefix: Path, model: Path, profile: str
) -> None:
    packaged = str(install_prefix / 'share/rtformer_ros/config/fastdds_large_images.xml')
    arguments, more, expected = ['autostart:=false', f'model:={model}'], {}, ['', '']
    if profile == 'packaged':
        expected = [packaged, packaged]
    elif profile == 'own':
        more, expected = {PROFILE_NAMES[0]: '/mine.xml'}, ['/mine.xml', '']
    else:
        arguments.append('fastdds_profile:=false')
    launch('seg.launch.py', *arguments, **more)
    found = peer.wait_for(lambda: environment_of('segmentation_node'), 'the process')
    assert [found.get(name, '') for name in PROFILE_NAMES] == expected


def test_the_demo_sends_masks(
    launch: Callable[..., Any], peer: Peer, model: Path, street_photo: Path
) -> None:
    masks: list[Image] = []
    peer.node.create_subscription(Image, '/segmentation_node/mask', masks.append, 5)
    process = launch('demo.launch.py', f'model:={model}', f'source:={street_photo}')
    peer.wait_for(lambda: len(masks) >= 3, 'three masks')
    assert masks[0].encoding == 'mono8'
    assert masks[0].step == masks[0].width > 0
    assert masks[0].header.frame_id == 'camera'
    assert process.interrupt() == 0
    assert process.output.count('process has finished cleanly') == 2


def test_the_demo_ends_when_the_pictures_end(
    launch: Callable[..., Any], model: Path, tmp_path: Path, street_photo: Path
) -> None:
    folder = tmp_path / 'pictures'
    folder.mkdir()
    (folder / 'a.jpg').write_bytes(street_photo.read_bytes())
    process = launch('demo.launch.py', f'model:={model}', f'source:={folder}', 'loop:=false')
    assert process.process.wait(60) == 0
    assert 'the pictures have ended' in process.output or 'was required' in process.output


def test_rviz_is_told_the_topics(
    launch: Callable[..., Any], tmp_path: Path, model: Path, peer: Peer
) -> None:
    # RViz needs a screen; what stands in its place writes down how it was called.
    prefix = tmp_path / 'prefix'
    for folder in ('share/ament_index/resource_index/packages', 'lib/rviz2'):
        (prefix / folder).mkdir(parents=True)
    (prefix / 'share/ament_index/resource_index/packages/rviz2').touch()
    script = prefix / 'lib' / 'rviz2' / 'rviz2'
    call = tmp_path / 'call'
    script.write_text(f'#!/bin/sh\necho "$@" > {call}.new\nmv {call}.new {call}\n')
    script.chmod(0o755)
    launch(
        'seg.launch.py', 'rviz:=true', 'namespace:=robot', 'image:=front/image_raw',
        'autostart:=false', f'model:={model}', prefix=str(prefix),
    )  # fmt: skip
    peer.wait_for(call.exists, 'rviz2')
    text = call.read_text()
    assert 'config/seg.rviz' in text
    assert '-r /image:=/robot/front/image_raw' in text
    assert '-r /segmentation_node/overlay:=/robot/segmentation_node/overlay' in text
    for topic in ('color_mask', 'legend', 'points', 'costmap', 'scan'):
        assert f'-r /segmentation_node/{topic}:=/robot/segmentation_node/{topic}' in text


@pytest.mark.parametrize(
    ('argument', 'expected'),
    [
        ('params_file:={folder}/broken.yaml', 'it is no YAML (line 3'),
        ('log_level:=loud', 'debug, info, warn, error, fatal, or LOGGER:=LEVEL'),
        ('rviz:=true', 'rviz2, which is not installed: sudo apt install'),
        ('cameras:=front-left', 'letters, digits and single underscores'),
        ('params_file:=/no/such.yaml', "params_file is '/no/such.yaml', which is no file"),
        ('autostart:=perhaps', 'perhaps'),
        ('cameras:=front,left image:=/image', '/image'),
        ('cameras:=front compat:=isaac_ros', 'leave it or cameras out'),
        ('compat:=nobody', 'isaac_ros, nav2_semantic_layer, ros_deep_learning'),
    ],
)
def test_wrong_arguments_end_the_launch_with_the_reason(
    launch: Callable[..., Any], tmp_path: Path, argument: str, expected: str
) -> None:
    (tmp_path / 'broken.yaml').write_text('/**:\n  - [\n')
    process = launch('seg.launch.py', *argument.format(folder=tmp_path, camera='{camera}').split())
    assert process.process.wait(60) != 0
    assert expected in process.output
    assert 'Traceback' not in process.output
    assert 'process started' not in process.output


def test_nav2_names_the_package_that_its_layer_needs(launch: Callable[..., Any]) -> None:
    if importlib.util.find_spec('vision_msgs') is not None:
        pytest.skip('vision_msgs is installed')
    process = launch('nav2.launch.py')
    assert process.process.wait(60) != 0
    assert 'sudo apt install' in process.output
    assert 'vision-msgs' in process.output
    assert 'process started' not in process.output


@pytest.mark.parametrize('name', ['seg.launch.py', 'demo.launch.py', 'nav2.launch.py'])
def test_every_argument_is_described(
    install_prefix: Path, installed_environment: dict[str, str], name: str
) -> None:
    code = (
        'import sys; from launch import LaunchContext\n'
        'from launch.launch_description_sources import AnyLaunchDescriptionSource as Source\n'
        'found = Source(sys.argv[1]).get_launch_description(LaunchContext())\n'
        'for a in found.get_launch_arguments(): print(a.name, "|", a.description)'
    )
    file = install_prefix / 'share' / 'rtformer_ros' / 'launch' / name
    done = subprocess.run(
        [sys.executable, '-c', code, file],
        env=installed_environment, cwd=file.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    described = dict(line.split(' | ', 1) for line in done.stdout.splitlines() if '|' in line)
    assert {
        'model', 'engine', 'labels', 'image', 'camera_info', 'image_transport', 'namespace',
        'params_file', 'use_sim_time', 'rviz', 'log_level', 'compat', 'cameras', 'depth',
    } <= set(described)  # fmt: skip
    assert all(len(text) > 10 for text in described.values())
