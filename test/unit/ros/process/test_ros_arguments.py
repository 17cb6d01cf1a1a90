# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Arguments on a node's command line that ROS would pass over in silence are named."""

import pytest
from rtformer_ros.ros.process.ros_arguments import arguments_without_effect


@pytest.mark.parametrize(
    ('args', 'named'),
    [
        ([], ''),
        (['--ros-args', '-p', 'model:=a.onnx', '-r', 'image:=/camera'], ''),
        (['--ros-args', '-r', 'image:=/camera', '--'], ''),
        (['image:=/camera'], 'effect: image:=/camera;'),
        (['--help'], 'effect: --help;'),
        (['a', '--ros-args', '-p', 'roi:=[]', '--', 'b', '--ros-args', '-p', 'c:=d'], ': a b;'),
    ],
)
def test_arguments_outside_of_those_of_ros_are_named(args, named):
    warning = arguments_without_effect(args)
    assert bool(warning) == bool(named)
    assert named in warning
    assert not named or '--ros-args -p NAME:=VALUE' in warning


def test_the_command_line_of_the_process_is_read_without_its_program(monkeypatch):
    monkeypatch.setattr('sys.argv', ['segmentation_node', '--ros-args', '-p', 'model:=a.onnx'])
    assert arguments_without_effect(None) == ''
    monkeypatch.setattr('sys.argv', ['segmentation_node', 'model:=a.onnx'])
    assert 'model:=a.onnx;' in arguments_without_effect(None)
