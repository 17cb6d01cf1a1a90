# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Values that cannot be are refused with what is allowed, and nothing changes."""

from closed_form_models import expected_class_map
import numpy as np
import pytest
from striped_stream import column_values, Stream, three_stripes


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('overlay_alpha', 1.5, '1'),
        ('engine', 'onnx', 'auto, '),
        ('output_size', '640', 'WIDTHxHEIGHT'),
        ('roi', [0.5, 0.0, 0.2, 1.0], 'left < right'),
        ('roi', [0.0, 0.3, 1.0], 'has 3 numbers'),
        ('roi', 'all', 'a list of numbers'),
        ('ignore_mask', '/nowhere.png', 'no such file'),
        ('class_remap', 'red', 'no pair'),
        ('class_remap', 'purple=red', 'red, green, blue'),
        ('class_filter', 'purple', 'red, green, blue'),
        ('points.class_filter', 'purple', 'red, green, blue'),
        ('colors', 'red=#12345', 'no colour'),
        ('labels', '/nowhere.yaml', '/nowhere.yaml'),
        ('labels', 'ade20k', 'has 150 classes'),
        ('labels', 'camvid', 'has 11 classes'),
        ('network_size', '10x10', '64'),
        ('device', 'tpu', 'cuda'),
        ('qos.image.reliability', 'perfect', 'best_effort'),
        ('autostart', False, 'read'),
        ('overlay_alpha', 'much', 'a floating-point number'),
    ],
)
def test_bad_value_is_refused_with_what_is_allowed(name, value, reason, peer, camera, shared_node):
    stream = Stream(peer, camera, 'mask')
    before = peer.get_parameter(name)
    result = peer.set_parameter(name, value)
    assert not result.successful
    assert reason.lower() in result.reason.lower()
    assert peer.get_parameter(name) == before
    np.testing.assert_array_equal(stream.pixels(), expected_class_map(three_stripes()))
    assert shared_node.is_alive


def test_atomic_set_is_all_or_nothing(peer, camera, models, start_node):
    start_node()
    stream = Stream(peer, camera, 'mask')
    result = peer.set_atomically(
        {'class_remap': 'red=green', 'model': str(models / 'bgr.onnx'), 'colors': 'nonsense'}
    )
    assert not result.successful
    assert column_values(stream.pixels()) == [0, 1, 2]
    assert peer.get_parameter('class_remap') == ''
    result = peer.set_atomically({'class_remap': 'red=green', 'model': str(models / 'bgr.onnx')})
    assert result.successful, result.reason
    # bgr.onnx gives the red stripe id 2 and the blue one id 0, which is then remapped to 1.
    assert column_values(stream.pixels()) == [2, 1, 1]


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [
        ({'overlay_alpha': 7.0}, 'overlay_alpha'),
        ({'engine': 'onnx'}, 'expected one of: auto'),
        ({'threads': 'many'}, 'threads'),
    ],
)
def test_bad_start_value_ends_the_process_with_one_clear_line(parameters, message, start_node):
    node = start_node(wait='', **parameters)
    assert node.process.wait(60) == 1
    assert message in node.output
    assert 'Traceback' not in node.output


def test_a_name_of_no_parameter_is_told_with_the_nearest(peer, shared_node):
    before = peer.get_parameter('overlay_alpha')
    alone = peer.set_parameter('overlay_alfa', 0.2)
    in_a_group = peer.set_atomically({'overlay_alpha': 0.2, 'overlay_alfa': 0.2})
    for result in (alone, in_a_group):
        assert not result.successful
        assert "'overlay_alfa' is no parameter" in result.reason
        assert 'nearest: overlay_alpha' in result.reason
    assert peer.get_parameter('overlay_alpha') == before
