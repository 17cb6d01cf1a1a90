# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters as people write them: in files for nodes by any of their names, and with slips."""

import os
from pathlib import Path
import subprocess
import sys

from node_process import REPOSITORY
import pytest
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.parameter import parameter_dict_from_yaml_file, parameter_value_to_python
from ros_peer import NODE
from rtformer_ros.ros.interface.parameters import SPECS
import yaml

PARAMETER_FILE = REPOSITORY / 'config' / 'seg.yaml'
ROBOT = '/robot/segmentation_node'


def parameter_file(folder: Path, block: str, **values: object) -> str:
    path = folder / f'given_{len(list(folder.glob("given_*")))}.yaml'
    path.write_text(yaml.safe_dump({block: {'ros__parameters': values}}))
    return str(path)


def value_at(peer, node: str, name: str):
    request = GetParameters.Request(names=[name])
    answer = peer.call(GetParameters, f'{node}/get_parameters', request)
    return parameter_value_to_python(answer.values[0])


def test_the_parameter_file_is_read_as_the_defaults(peer, models, start_node):
    start_node('--params-file', str(PARAMETER_FILE), '-p', f'model:={models / "rgb.onnx"}')
    received = {name: peer.get_parameter(name) for name in SPECS}
    expected = {name: spec.ros_default for name, spec in SPECS.items()}
    assert received == {**expected, 'model': str(models / 'rgb.onnx')}


@pytest.mark.parametrize(
    ('block', 'is_for_it'),
    [
        ('/**', True),
        ('/robot/**', True),
        ('/*/segmentation_node', True),
        (ROBOT, True),
        ('robot/segmentation_node', True),
        ('segmentation_node', False),
        ('/rebot/segmentation_node', False),
        ('/robot', False),
    ],
)
def test_file_is_for_the_node_or_said_to_be_for_others(
    block, is_for_it, peer, start_node, tmp_path
):
    path = parameter_file(tmp_path, block, max_rate_hz=5)
    arguments = ('--params-file', path, '-r', '__ns:=/robot')
    node = start_node(*arguments, wait='', autostart=False)
    # Asked of the running node, so ROS's own matching is what is compared.
    assert value_at(peer, ROBOT, 'max_rate_hz') == (5.0 if is_for_it else 0.0)
    warned = f'has no parameters for {ROBOT}' in node.output
    assert warned != is_for_it
    if warned:
        full_name = block if block.startswith('/') else f'/{block}'
        assert f'but for {full_name}; write {ROBOT}: or /**:' in node.output


def test_slips_in_a_file_are_warned_of_with_the_nearest_name(peer, start_node, tmp_path):
    path = parameter_file(
        tmp_path, NODE, overlay_alhpa=0.2, camera={'hieght_m': 1}, zzz=1,
        overlay_alpha=1, class_filter=['red', 'blue'], use_sim_time=False,
    )  # fmt: skip
    node = start_node('--params-file', path, '-p', 'jpeg_qualty:=3', '-p', 'max_rate_hz:=5')
    (line,) = [each for each in node.output.splitlines() if 'no effect' in each]
    assert 'WARN' in line
    unknown = line.partition('no effect: ')[2].split(', ')
    assert sorted(unknown) == [
        'camera.hieght_m (nearest: camera.height_m)',
        'jpeg_qualty (nearest: jpeg_quality)',
        'overlay_alhpa (nearest: overlay_alpha)',
        'zzz',
    ]
    assert peer.get_parameter('overlay_alpha') == 1.0
    assert peer.get_parameter('max_rate_hz') == 5.0
    assert peer.get_parameter('class_filter') == 'red, blue'


def test_a_number_or_a_list_as_it_is_meant_is_taken_while_running(peer, start_node):
    start_node()
    for name, given, value in (
        ('max_rate_hz', 7, 7.0),
        ('class_filter', ['red', 'green'], 'red, green'),
        ('class_filter', 2, '2'),
        ('points.class_filter', ['red'], 'red'),
        ('cameras', 'front, left', ['front', 'left']),
        ('cameras', [], []),
    ):
        result = peer.set_parameter(name, given)
        assert result.successful, result.reason
        assert peer.get_parameter(name) == value
        assert type(peer.get_parameter(name)) is type(value)
    result = peer.set_parameter('max_rate_hz', 5000)
    assert not result.successful
    assert '1000' in result.reason


def test_the_nodes_own_dump_can_be_loaded(peer, start_node, tmp_path):
    qos = 'qos_overrides./segmentation_node/mask.publisher.depth'
    start_node('-p', f'{qos}:=9', labels_override=True, max_rate_hz=3)
    request = ListParameters.Request(depth=ListParameters.Request.DEPTH_RECURSIVE)
    names = peer.call(ListParameters, f'{NODE}/list_parameters', request).result.names
    assert {qos, 'labels_override', 'autostart', 'cameras', 'use_sim_time'} <= {*names}
    values = {name: peer.get_parameter(name) for name in names}
    assert None not in values.values()
    # As `ros2 param dump` and `ros2 param load` do, without them.
    dump = tmp_path / 'dump.yaml'
    dump.write_text(yaml.safe_dump({NODE: {'ros__parameters': values}}))
    messages = [*parameter_dict_from_yaml_file(str(dump)).values()]
    service = f'{NODE}/set_parameters'
    answer = peer.call(SetParameters, service, SetParameters.Request(parameters=messages))
    failed = {
        message.name: result.reason
        for message, result in zip(messages, answer.results, strict=True)
        if not result.successful
    }
    assert failed == {}
    assert {name: peer.get_parameter(name) for name in names} == values


@pytest.mark.parametrize(
    ('arguments', 'variables', 'expected'),
    [
        (('--params-file', '{folder}/mixed.yaml'), {}, 'over ros__parameters'),
        (('--params-file', '{folder}/nowhere.yaml'), {}, 'nowhere.yaml'),
        (('-p', 'cameras:=[front'), {}, 'NAME:=VALUE'),
        (('-r', 'image:=front-left'), {}, 'letters, digits, _ and /'),
        (('--log-level', 'loud'), {}, 'debug, info, warn, error or fatal'),
        ((), {'ROS_LOG_DIR': '/dev/null/log'}, 'set ROS_LOG_DIR'),
        (('-p', 'cameras:=[front-left]'), {}, 'letters, digits and single underscores'),
        (('-r', '__node:=front-left'), {}, 'letters, digits, _ and /'),
        (('-p', 'use_sim_time:=maybe'), {}, "expecting type 'BOOL': use_sim_time"),
        (('--nonsense',), {}, "UnknownROSArgsError): ['--nonsense']"),
    ],
)
def test_what_ros_refuses_ends_the_node_with_one_line(arguments, variables, expected, tmp_path):
    (tmp_path / 'mixed.yaml').write_text('/**:\n  ros__parameters: {colors: [1, a]}\n')
    given = [each.format(folder=tmp_path) for each in arguments]
    line = only_line_of('segmentation_node', *given, **variables)
    assert expected in line
    assert '.c:' not in line


def test_other_programs_say_it_in_one_line_too():
    line = only_line_of('image_source', '-r', '-')
    assert line.startswith('[FATAL] [image_source]: ROS refuses to start (RCLError): ')


def only_line_of(program: str, *arguments: str, **variables: str) -> str:
    """Return the only line of a program that ends with code 1."""
    done = subprocess.run(
        [sys.executable, '-m', f'rtformer_ros.ros.programs.{program}', '--ros-args', *arguments],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), **variables},
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    # The library of ROS beneath may write of errors that overwrite each other before.
    (line,) = [each for each in (done.stdout + done.stderr).splitlines() if 'FATAL' in each]
    assert 'Traceback' not in done.stderr
    return line
