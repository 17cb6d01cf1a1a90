# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node runs with its first plan; that for frames is built in the background and taken over."""

from functools import cache

from closed_form_models import brightest_channel, expected_class_map
from compiling_model import (
    end_compiler_by_another_model,
    end_compiler_by_ending_the_node,
    Model,
    wait_for_compiler,
)
import cv2
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import noise, number_of, values_of
from rtformer_ros.ros.input.image_messages import image_array

FROM_NOW_ON = 'frames of bgr8 go in as they come from now on'


def picture(seed):
    return cv2.GaussianBlur(noise(seed=seed), (9, 9), 0)


@pytest.fixture
def model(tmp_path):
    """Return a model whose plan for images is there."""
    model = Model(brightest_channel(tmp_path / 'rgb.onnx', channel_order=(0, 1, 2)))
    model.decide('done')
    return model


@pytest.fixture
def frames(model):
    """Return what its plan for frames is compiled from."""
    return Model(model.path.with_suffix('.frames.onnx'))


@pytest.fixture
def start(start_node, model):
    def start_(**options):
        how = {'model': model.path, 'engine': 'standin', 'frame_encoding': 'bgr8', **options}
        return start_node(module='node_with_compiler', **how)

    return start_


@pytest.fixture
def send(peer, camera, connect):
    """Return a function that sends a picture and checks the mask that comes of it."""

    @cache
    def received():
        return connect('mask')

    def send_():
        masks = received()
        seed = len(masks)
        number = camera.publish(picture(seed)[..., ::-1], 'bgr8')
        peer.wait_for(lambda: len(masks) == seed + 1, f'mask {seed}')
        assert number_of(masks[-1]) == number
        assert np.array_equal(image_array(masks[-1]), expected_class_map(picture(seed)))

    return send_


def test_the_plan_for_frames_is_taken_over_without_a_lost_frame(peer, frames, start, send):
    node = start()
    peer.watch_diagnostics()
    wait_for_compiler(peer, frames)
    assert peer.state() == 'active'
    send()
    status = peer.wait_for_diagnostic(lambda s: values_of(s)['building'], 'the build')
    assert values_of(status)['building'].endswith('for engine standin and frames of bgr8')
    assert values_of(status)['build phase'] == 'timing kernels'
    assert status.level == DiagnosticStatus.OK
    # What does not touch the model leaves the build alone.
    compiler = frames.compiler
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    assert frames.compiler == compiler
    assert frames.is_compiling
    frames.decide('done')
    while FROM_NOW_ON not in node.output:
        send()
    send()
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['engine detail'].endswith('frames too'), 'the frames'
    )
    assert (values_of(status)['building'], values_of(status)['build error']) == ('', '')
    assert peer.get_parameter('overlay_alpha') == 0.25
    assert 'dropped a frame' not in node.output
    assert 'prepared on the host' not in node.output


def test_a_plan_for_frames_that_fails_is_told_once_and_remembered(peer, frames, start, send):
    node = start()
    peer.watch_diagnostics()
    wait_for_compiler(peer, frames)
    compiler = frames.compiler
    frames.decide('no kernel for frames')
    status = peer.wait_for_diagnostic(lambda s: values_of(s)['build error'], 'the failure')
    assert status.level == DiagnosticStatus.WARN
    assert 'no kernel for frames' in status.message
    send()
    assert peer.set_parameter('overlay_alpha', 0.25).successful
    send()
    assert frames.compiler == compiler, 'it is not tried again and again'
    assert node.output.count('no kernel for frames') == 1
    status = peer.wait_for_diagnostic(lambda s: True, 'the status')
    assert values_of(status)['build error'] == 'no kernel for frames'
    assert peer.state() == 'active'


def test_the_first_plan_ends_the_wait_of_a_first_start(peer, model, frames, start, send):
    model.path.with_suffix('.verdict').unlink()
    start(wait='unconfigured')
    wait_for_compiler(peer, model)
    assert not frames.compiler
    model.decide('done')
    peer.wait_for(lambda: peer.state() == 'active', 'the node to come up')
    wait_for_compiler(peer, frames)
    send()


def test_a_fallback_prepares_frames_on_the_host(peer, model, frames, start, send):
    model.path.with_suffix('.verdict').unlink()
    start(engine_fallback='onnxruntime')
    peer.watch_diagnostics()
    wait_for_compiler(peer, model)
    send()
    status = peer.wait_for_diagnostic(lambda s: 'fills in' in s.message, 'the fallback')
    assert 'as they come' not in values_of(status)['engine detail']
    assert peer.get_parameter('frame_encoding') == 'bgr8'
    model.decide('done')
    frames.decide('done')
    peer.wait_for_diagnostic(
        lambda s: values_of(s)['engine detail'].endswith('frames too'), 'the frames'
    )
    send()


def test_another_model_ends_the_build_for_frames(peer, models, frames, start, send):
    node = start()
    end_compiler_by_another_model(peer, models, frames)
    send()
    assert 'Traceback' not in node.output


def test_the_end_of_the_node_ends_the_build_for_frames(peer, frames, start):
    node = start()
    end_compiler_by_ending_the_node(peer, frames, node)
