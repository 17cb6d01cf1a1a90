# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node starts with the engine that opens at once; a better one is tried in the background."""

from closed_form_models import brightest_channel, expected_class_map
from compiling_model import (
    end_compiler_by_another_model,
    end_compiler_by_ending_the_node,
    Model,
    wait_for_compiler,
)
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import noise, number_of, values_of
from rtformer_ros.engines.openvino.preference import preference_here
from rtformer_ros.engines.request import EngineRequest
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.ros.input.image_messages import image_array


@pytest.fixture
def model(tmp_path):
    """Return a model that an engine is to be tried with."""
    path = brightest_channel(tmp_path / 'rgb.onnx', channel_order=(0, 1, 2))
    path.with_suffix('.trial').touch()
    return Model(path)


@pytest.fixture
def node(start_node, peer, model):
    # In FP32, so that ONNX Runtime is the next, whatever is installed here.
    how = {'model': model.path, 'engine': 'auto', 'precision': 'fp32'}
    node = start_node(module='node_with_compiler', **how)
    peer.watch_diagnostics()
    return node


@pytest.fixture
def send(peer, camera, connect, node):
    """Return a function that sends a picture and checks the mask that comes of it."""
    masks = connect('mask')

    def send_():
        count = len(masks)
        picture = noise(seed=count)
        number = camera.publish(picture, 'rgb8')
        peer.wait_for(lambda: len(masks) == count + 1, f'mask {count}')
        assert number_of(masks[-1]) == number
        assert np.array_equal(image_array(masks[-1]), expected_class_map(picture))

    return send_


def engine_of(status):
    return values_of(status)['engine']


def test_it_segments_at_once_and_takes_the_better_engine_without_a_lost_frame(
    peer, model, node, send
):
    assert peer.state() == 'active'
    send()
    wait_for_compiler(peer, model)
    status = peer.wait_for_diagnostic(lambda s: values_of(s)['building'], 'the trial')
    assert values_of(status)['building'].endswith('for engine auto with trier')
    assert 'trier is yet to be tried' in values_of(status)['engines passed over']
    assert (status.level, engine_of(status)) == (DiagnosticStatus.OK, 'onnxruntime')
    # What does not touch the model leaves the trial alone.
    compiler = model.compiler
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    assert (model.compiler, model.is_compiling) == (compiler, True)
    send()
    model.decide('done')
    while 'exchanged the model: now rgb.onnx' not in node.output:
        send()
    send()
    status = peer.wait_for_diagnostic(lambda s: engine_of(s) == 'trier', 'the better engine')
    assert (values_of(status)['building'], values_of(status)['build error']) == ('', '')
    assert 'yet to be tried' not in values_of(status)['engines passed over']
    assert peer.get_parameter('overlay_alpha') == 0.25
    assert peer.get_parameter('engine') == 'auto'
    assert 'dropped a frame' not in node.output


def test_an_engine_that_fails_is_told_once_and_the_other_runs_on(peer, model, node, send):
    wait_for_compiler(peer, model)
    compiler = model.compiler
    send()
    model.decide('an operator is missing')
    status = peer.wait_for_diagnostic(
        lambda s: 'trier cannot run it' in values_of(s)['engines passed over'], 'the failure'
    )
    assert (status.level, engine_of(status)) == (DiagnosticStatus.OK, 'onnxruntime')
    assert (values_of(status)['building'], values_of(status)['build error']) == ('', '')
    assert node.output.count('an operator is missing') == 1
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    send()
    assert model.compiler == compiler, 'it is not tried again and again'


def test_another_model_ends_the_trial(peer, models, model, node, send):
    end_compiler_by_another_model(peer, models, model)
    send()
    assert 'Traceback' not in node.output


def test_deactivation_leaves_the_trial_alone_and_cleanup_ends_it(peer, model, node, send):
    wait_for_compiler(peer, model)
    assert peer.change_state('deactivate')
    assert model.is_compiling
    assert peer.change_state('cleanup')
    peer.wait_for(lambda: not model.is_compiling, 'the trial to end')
    assert peer.change_state('configure')
    assert peer.change_state('activate')
    send()


def test_the_end_of_the_node_ends_the_trial(peer, model, node):
    end_compiler_by_ending_the_node(peer, model, node)


def test_openvino_is_tried_and_taken(start_node, peer, tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_HOME', str(tmp_path / 'home'))
    model = find_model('')
    if not preference_here(EngineRequest(model)).is_untried:
        pytest.skip('OpenVINO is not here, or this CPU has no bf16: no trial of it was run')
    node = start_node(model=model, engine='auto')
    peer.watch_diagnostics()
    assert 'engine auto: onnxruntime on cpu (openvino is yet to be tried' in node.output
    status = peer.wait_for_diagnostic(lambda s: engine_of(s) == 'openvino', 'OpenVINO')
    assert 'BF16' in values_of(status)['engine detail']
    assert list((tmp_path / 'home').rglob('*.agreement'))
    node.end()
    again = start_node(model=model, engine='auto')
    assert 'engine auto: openvino on cpu' in again.output
