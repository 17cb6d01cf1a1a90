# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model that has to be built first is built in the background, while the node lives on."""

from collections.abc import Callable
from pathlib import Path
import time

from closed_form_models import brightest_channel, expected_class_map
from compiling_model import Model, wait_for_compiler
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import NODE, noise, number_of, values_of
from rtformer_ros.ros.input.image_messages import image_array

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
ORDERS = {'rgb': (0, 1, 2), 'bgr': (2, 1, 0)}


@pytest.fixture
def new_model(tmp_path: Path) -> Callable[[str], Model]:
    """Return a function that writes rgb.onnx or bgr.onnx, without a plan."""
    return lambda name: Model(
        brightest_channel(tmp_path / f'{name}.onnx', channel_order=ORDERS[name])
    )


@pytest.fixture
def start(start_node):
    """Return a function that starts the node with the engine that compiles."""
    return lambda **options: start_node(module='node_with_compiler', **options)


def pixels_of(mask, camera) -> np.ndarray:
    return camera.sent[number_of(mask)]


def is_made_by(name: str, mask, camera) -> bool:
    expected = expected_class_map(pixels_of(mask, camera), ORDERS[name])
    return np.array_equal(image_array(mask), expected)


def test_first_start_answers_while_it_builds_and_goes_on_when_it_is_done(
    peer, camera, new_model, start
):
    model = new_model('bgr')
    node = start(wait='unconfigured', model=model.path, diagnostics_period_s=60.0)
    peer.watch_diagnostics()
    wait_for_compiler(peer, model)
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    assert peer.get_parameter('overlay_alpha') == 0.25
    assert peer.state() == 'unconfigured'
    # Their own period is a minute: what comes are reports about the build.
    for _ in range(2):
        status = peer.wait_for_diagnostic(lambda s: s.level == WARN, 'progress')
        assert 'timing kernels, 42 %' in status.message
        assert values_of(status)['build phase'] == 'timing kernels'
        assert values_of(status)['build percent'] == '42'
        assert float(values_of(status)['build elapsed (s)']) > 0
    assert node.output.count('timing kernels, 42 %') >= 2
    model.decide('done')
    peer.wait_for(lambda: peer.state() == 'active', 'the node to come up')
    masks = peer.collect(f'{NODE}/mask')
    peer.wait_for(lambda: camera.publish(noise()) and masks, 'a mask')
    assert is_made_by('bgr', masks[0], camera)
    assert 'standin' in node.output


def test_fallback_segments_until_the_plan_is_there(peer, new_model, start, camera, connect):
    model = new_model('rgb')
    start(model=model.path, engine='standin', engine_fallback='onnxruntime', precision='fp16')
    wait_for_compiler(peer, model)
    masks = connect('mask')
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: 'fills in' in s.message, 'the fallback')
    assert status.level == WARN
    assert values_of(status)['engine'] == 'onnxruntime'
    model.decide('done')
    engine, seed = '', 0
    # A frame is sent when the one before has come back, and the engines change meanwhile.
    while engine != 'standin':
        camera.publish(noise(seed=seed))
        seed += 1
        peer.wait_for(lambda n=seed: len(masks) == n, f'mask {seed}')
        engine = values_of(peer.diagnostics[-1])['engine'] if peer.diagnostics else ''
    status = peer.wait_for_diagnostic(lambda s: s.level == OK, 'the warning to end')
    assert values_of(status)['engine detail'] == 'fp16, 1024 MiB, level 3, 1 image(s)'
    assert [number_of(mask) for mask in masks] == sorted(camera.sent)
    assert all(is_made_by('rgb', mask, camera) for mask in masks)


def test_fallback_may_be_named_while_the_first_build_goes_on(peer, new_model, start):
    model = new_model('rgb')
    start(wait='unconfigured', model=model.path)
    wait_for_compiler(peer, model)
    first = model.compiler
    assert peer.set_parameter('engine_fallback', 'onnxruntime').successful
    peer.wait_for(lambda: peer.state() == 'active', 'the node to come up')
    assert model.is_compiling
    assert model.compiler == first
    # What it falls back on can be kept, too.
    assert peer.set_parameter('engine', 'onnxruntime').successful
    peer.wait_for(lambda: not model.is_compiling, 'the compiler to end')


def test_one_more_camera_asks_for_another_plan_once(peer, new_model, start):
    model = new_model('rgb')
    model.decide('done')
    start(model=model.path, engine='standin', cameras='[front]')
    peer.watch_diagnostics()
    first = model.compiler
    model.path.with_suffix('.verdict').unlink()
    assert peer.set_parameter('cameras', ['front', 'left']).successful
    peer.wait_for(lambda: model.is_compiling and model.compiler != first, 'the compiler')
    second = model.compiler
    model.decide('out of memory')
    node = f'{NODE[1:]}: segmentation'
    peer.wait_for_diagnostic(
        lambda s: s.name == node and 'out of memory' in values_of(s)['build error'], 'the failure'
    )
    # The cameras stay, and the plan for one image at a time serves them.
    assert peer.get_parameter('cameras') == ['front', 'left']
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    peer.spin_for(0.5)
    assert model.compiler == second, 'it is not tried again and again'
    status = peer.wait_for_diagnostic(lambda s: s.name == node, 'the status of the node')
    assert '1 image(s)' in values_of(status)['engine detail']


def test_exchange_is_accepted_at_once_and_carried_out_when_the_plan_is_there(
    peer, models, new_model, start, camera, connect
):
    model = new_model('bgr')
    start(model=models / 'rgb.onnx', engine='onnxruntime')
    masks = connect('mask')
    peer.watch_diagnostics()
    changes = {'model': str(model.path), 'engine': 'standin', 'build.optimization_level': 5}
    assert peer.set_atomically({**changes, 'build.workspace_mib': 64}).successful
    assert peer.get_parameter('model') == str(model.path)
    wait_for_compiler(peer, model)
    status = peer.wait_for_diagnostic(lambda s: values_of(s)['building'], 'the build')
    assert str(model.path) in values_of(status)['building']
    for seed in range(5):
        camera.publish(noise(seed=seed))
        peer.wait_for(lambda n=seed + 1: len(masks) == n, f'mask {seed}')
    assert all(is_made_by('rgb', mask, camera) for mask in masks)
    # What does not touch the model takes effect on the engine that goes on.
    assert peer.set_parameter('class_remap', 'green=255').successful
    camera.publish(noise(seed=5))
    peer.wait_for(lambda: len(masks) == 6, 'mask 5')
    assert 255 in image_array(masks[-1])
    assert not (image_array(masks[-1]) == 1).any()
    assert peer.set_parameter('class_remap', '').successful
    model.decide('done')
    while not is_made_by('bgr', masks[-1], camera):
        sent = camera.publish(noise(seed=len(masks)))
        peer.wait_for(lambda n=sent: number_of(masks[-1]) == n, f'mask {sent}')
    assert [number_of(mask) for mask in masks] == sorted(camera.sent)
    status = peer.wait_for_diagnostic(lambda s: not values_of(s)['building'], 'the end of it')
    assert values_of(status)['engine detail'] == 'auto, 64 MiB, level 5, 1 image(s)'
    # With the plan at hand there is nothing to wait for.
    assert peer.set_parameter('model', str(models / 'rgb.onnx')).successful
    assert peer.set_atomically(changes).successful
    assert values_of(peer.wait_for_diagnostic(lambda s: True, 'it'))['model'] == str(model.path)


def test_settings_of_frames_may_wait_for_the_model_they_came_with(
    peer, models, new_model, start, camera, connect
):
    model = new_model('bgr')
    labels = model.path.with_suffix('.yaml')
    classes = ''.join(
        f'  - {{name: {name}, color: [{i}, 0, 0], group: obstacle}}\n'
        for i, name in enumerate(('sea', 'grass', 'rust'))
    )
    labels.write_text(f'name: other\nclasses:\n{classes}')
    start(model=models / 'rgb.onnx', engine='onnxruntime', labels_override=True)
    masks = connect('mask')
    changes = {'model': str(model.path), 'engine': 'standin', 'labels': str(labels)}
    assert peer.set_atomically({**changes, 'class_remap': 'grass=255'}).successful
    wait_for_compiler(peer, model)
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    assert is_made_by('rgb', masks[0], camera)
    model.decide('done')
    expected = expected_class_map(noise(), ORDERS['bgr'])
    expected[expected == 1] = 255
    while not np.array_equal(image_array(masks[-1]), expected):
        sent = camera.publish(noise())
        peer.wait_for(lambda n=sent: number_of(masks[-1]) == n, f'mask {sent}')


def test_settings_of_frames_that_came_alone_are_checked_at_once(peer, new_model, start):
    model = new_model('rgb')
    start(model=model.path, engine_fallback='onnxruntime')
    wait_for_compiler(peer, model)
    result = peer.set_parameter('class_remap', 'purple=red')
    assert not result.successful
    assert 'red, green, blue' in result.reason
    assert model.is_compiling


def test_failed_build_leaves_the_old_engine_and_its_parameters(
    peer, models, new_model, start, camera, connect
):
    model = new_model('bgr')
    node = start(model=models / 'rgb.onnx', engine='onnxruntime')
    masks = connect('mask')
    peer.watch_diagnostics()
    assert peer.set_atomically({'model': str(model.path), 'engine': 'standin'}).successful
    wait_for_compiler(peer, model)
    assert peer.set_parameter('overlay_alpha', 0.125).successful
    model.decide('out of memory: lower build.workspace_mib')
    status = peer.wait_for_diagnostic(lambda s: values_of(s)['build error'], 'the failure')
    assert status.level == WARN
    assert 'out of memory: lower build.workspace_mib' in status.message
    assert values_of(status)['engine'] == 'onnxruntime'
    peer.wait_for(lambda: peer.get_parameter('engine') == 'onnxruntime', 'the engine in force')
    assert peer.get_parameter('model') == str(models / 'rgb.onnx')
    assert peer.get_parameter('overlay_alpha') == 0.125
    camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    assert is_made_by('rgb', masks[0], camera)
    assert 'out of memory' in node.output
    assert 'Traceback' not in node.output
    # Only for another engine would its options matter, and then it would be tried again.
    assert peer.set_parameter('build.workspace_mib', 64).successful
    assert peer.get_parameter('build.workspace_mib') == 64
    assert peer.set_parameter('threads', 1).successful
    peer.wait_for_diagnostic(lambda s: not values_of(s)['build error'], 'the warning to end')


def test_auto_goes_on_with_the_next_engine_and_says_why(peer, new_model, start):
    model = new_model('rgb')
    # In FP32 it is ONNX Runtime that comes next, on every CPU.
    start(wait='unconfigured', model=model.path, precision='fp32')
    peer.watch_diagnostics()
    wait_for_compiler(peer, model)
    model.decide('out of memory')
    peer.wait_for(lambda: peer.state() == 'active', 'the node to come up')
    status = peer.wait_for_diagnostic(lambda s: values_of(s)['build error'], 'the failure')
    assert status.level == WARN
    assert 'standin cannot run it: out of memory' in status.message
    assert 'out of memory' in values_of(status)['engines passed over']
    assert values_of(status)['engine'] == 'onnxruntime'


def test_failed_first_build_is_an_error_and_another_model_mends_it(peer, models, new_model, start):
    model = new_model('rgb')
    start(wait='unconfigured', model=model.path, engine='standin')
    peer.watch_diagnostics()
    wait_for_compiler(peer, model)
    model.decide('no such operator')
    status = peer.wait_for_diagnostic(lambda s: s.level == ERROR, 'an error')
    assert 'no such operator' in status.message
    assert peer.state() == 'unconfigured'
    changes = {'model': str(models / 'rgb.onnx'), 'engine': 'onnxruntime'}
    assert peer.set_atomically(changes).successful
    peer.wait_for(lambda: peer.state() == 'active', 'the node to come up')


def test_lifecycle_manager_configures_again_when_the_plan_is_there(peer, new_model, start):
    model = new_model('rgb')
    node = start(wait='unconfigured', autostart=False, model=model.path)
    assert not peer.change_state('configure')
    wait_for_compiler(peer, model)
    first = model.compiler
    assert not peer.change_state('configure')
    model.decide('done')
    peer.wait_for(lambda: 'configure it now' in node.output, 'the log to say so')
    assert peer.state() == 'unconfigured'
    assert peer.change_state('configure')
    assert peer.state() == 'inactive'
    assert model.compiler == first, 'it was built once'


def other_model(peer, models: Path) -> None:
    changes = {'model': str(models / 'rgb.onnx'), 'engine': 'onnxruntime'}
    assert peer.set_atomically(changes).successful


ENDS = {
    'another model': other_model,
    'shutdown': lambda peer, _: peer.change_state('active_shutdown'),
    'cleanup': lambda peer, _: peer.change_state('deactivate') and peer.change_state('cleanup'),
}


@pytest.mark.parametrize('end', ENDS)
def test_build_is_called_off(end, peer, models, new_model, start):
    model = new_model('bgr')
    node = start(model=model.path, engine='standin', engine_fallback='onnxruntime')
    wait_for_compiler(peer, model)
    ENDS[end](peer, models)
    peer.wait_for(lambda: not model.is_compiling, 'the compiler to end')
    assert peer.state() == {'shutdown': 'finalized', 'cleanup': 'unconfigured'}.get(end, 'active')
    assert node.is_alive
    assert node.end()[0] == 0


@pytest.mark.parametrize('fallback', ['none', 'onnxruntime'])
def test_signal_ends_node_and_compiler(fallback, peer, new_model, start):
    model = new_model('bgr')
    node = start(wait='', model=model.path, engine='standin', engine_fallback=fallback)
    wait_for_compiler(peer, model)
    assert node.end()[0] == 0
    deadline = time.monotonic() + 5
    while model.is_compiling and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not model.is_compiling
    assert 'Traceback' not in node.output
