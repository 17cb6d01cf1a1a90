# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An engine that cannot be had here is replaced by the fallback, under a warning."""

from closed_form_models import expected_class_map
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from ros_peer import noise, values_of
from rtformer_ros.ros.input.image_messages import image_array

# No machine has that many GPUs, and one without TensorRT lacks more than that.
UNAVAILABLE = {'engine': 'tensorrt', 'device': 'cuda:99'}


def test_fallback_runs_where_the_engine_cannot_be_had(peer, start_node, camera, connect):
    node = start_node(**UNAVAILABLE, engine_fallback='onnxruntime')
    assert 'engine_fallback runs instead: rgb.onnx' in node.output
    masks = connect('mask')
    image = noise()
    peer.wait_for(lambda: camera.publish(image) and masks, 'a mask')
    np.testing.assert_array_equal(image_array(masks[0]), expected_class_map(image))
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: 'runs in place of' in s.message, 'the warning')
    assert status.level == DiagnosticStatus.WARN
    assert values_of(status)['engine'] == 'onnxruntime'
    assert values_of(status)['device'] == 'cpu'


def test_other_parameters_can_be_set_while_the_fallback_runs(peer, start_node):
    start_node(**UNAVAILABLE, engine_fallback='onnxruntime')
    result = peer.set_parameter('overlay_alpha', 0.25)
    assert result.successful, result.reason
    result = peer.set_atomically({'engine': 'onnxruntime', 'device': 'cpu'})
    assert result.successful, result.reason
    peer.watch_diagnostics()
    peer.wait_for_diagnostic(lambda s: 'in place of' not in s.message, 'the warning to end')


def test_without_a_fallback_the_node_stays_unconfigured(peer, start_node):
    node = start_node(**UNAVAILABLE, wait='')
    peer.wait_for(lambda: 'cannot configure' in node.output, 'the error')
    assert peer.state() == 'unconfigured'


def test_a_fallback_that_cannot_run_is_named_too(peer, start_node):
    node = start_node(**UNAVAILABLE, engine_fallback='torch', wait='')
    peer.wait_for(lambda: 'engine_fallback cannot run either' in node.output, 'both reasons')
    assert peer.state() == 'unconfigured'


def test_another_model_runs_on_the_fallback_too(peer, start_node, models, camera, connect):
    start_node(**UNAVAILABLE, engine_fallback='onnxruntime')
    masks = connect('mask')
    result = peer.set_parameter('model', str(models / 'bgr.onnx'))
    assert result.successful, result.reason
    image = noise()
    peer.wait_for(lambda: camera.publish(image) and masks, 'a mask')
    np.testing.assert_array_equal(image_array(masks[-1]), expected_class_map(image, (2, 1, 0)))
    peer.watch_diagnostics()
    peer.wait_for_diagnostic(lambda s: 'runs in place of' in s.message, 'the warning')
    # One that nothing can run is refused, and what runs goes on; an engine, too, where there is
    # no reason to do without the running one.
    refused = peer.set_parameter('model', str(models / 'broken.onnx'))
    assert 'engine_fallback cannot run either' in refused.reason
    refused = peer.set_parameter('device', 'cuda:98')
    assert not refused.successful
    masks.clear()
    peer.wait_for(lambda: camera.publish(image) and masks, 'a mask of the model before')
    np.testing.assert_array_equal(image_array(masks[-1]), expected_class_map(image, (2, 1, 0)))
