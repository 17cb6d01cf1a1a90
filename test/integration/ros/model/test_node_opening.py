# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model file that takes too long is given up; the node goes on with what it has."""

from pathlib import Path

from closed_form_models import brightest_channel, expected_class_map, slow_to_load
from ros_peer import noise, number_of
from rtformer_ros.ros.input.image_messages import image_array


def test_frames_flow_while_a_model_is_given_up(peer, camera, tmp_path, start_node, connect):
    node = start_node(model_open_timeout_s=4.0)
    masks = connect('mask')
    answer = peer.set_future('model', str(slow_to_load(tmp_path / 'slow.onnx')))
    peer.wait_for(lambda: children_of(node.process.pid), 'the process that loads the model')
    # Each frame that comes back meanwhile shows that nothing holds the node's interpreter.
    meanwhile = 0
    while children_of(node.process.pid):
        camera.publish(noise(seed=meanwhile))
        meanwhile += 1
        peer.wait_for(lambda n=meanwhile: len(masks) == n, f'mask {meanwhile}')
    assert meanwhile >= 3
    result = answer()
    assert not result.successful
    assert 'given up after 4 s; raise model_open_timeout_s' in result.reason
    camera.publish(noise(seed=77))
    peer.wait_for(lambda: len(masks) == meanwhile + 1, 'a mask of the old model')
    assert (image_array(masks[-1]) == expected_class_map(noise(seed=77), (0, 1, 2))).all()
    assert [number_of(mask) for mask in masks] == sorted(camera.sent)
    assert 'was given up' in node.output


def test_a_model_that_never_answers_is_interrupted(peer, tmp_path, start_node):
    endless = brightest_channel(tmp_path / 'endless.onnx', busy_loops=10**12)
    start_node(model_open_timeout_s=2.0)
    wanted = {'model': str(endless), 'engine': 'onnxruntime'}
    # More often than openings that nothing could interrupt are let run.
    for _ in range(3):
        result = peer.set_atomically(wanted)
        assert not result.successful
        assert 'given up' in result.reason
    assert peer.set_parameter('model_open_timeout_s', 60.0).successful
    other = brightest_channel(tmp_path / 'other.onnx')
    assert peer.set_atomically({**wanted, 'model': str(other)}).successful


def test_a_start_with_such_a_model_is_reported(peer, tmp_path, models, start_node):
    endless = brightest_channel(tmp_path / 'endless.onnx', busy_loops=10**12)
    peer.watch_diagnostics()
    start_node(model=endless, model_open_timeout_s=1.0, wait='')
    status = peer.wait_for_diagnostic(lambda s: s.level == b'\x02', 'an error')
    assert 'given up after 1 s' in status.message
    wanted = {'model': str(models / 'rgb.onnx'), 'model_open_timeout_s': 60.0}
    assert peer.set_atomically(wanted).successful
    peer.wait_for(lambda: peer.state() == 'active', 'the node to be active')


def children_of(pid: int) -> set[str]:
    """Return the processes that a process has started and that have not ended."""
    listings = Path(f'/proc/{pid}/task').glob('*/children')
    return {child for listing in listings for child in listing.read_text().split()}
