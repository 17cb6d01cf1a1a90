# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The model is exchanged under load: no frame is lost, none is mixed."""

import itertools
import time

from closed_form_models import brightest_channel, expected_class_map
import numpy as np
import pytest
from ros_peer import noise, number_of
from rtformer_ros.ros.input.image_messages import image_array

ORDERS = {'rgb': (0, 1, 2), 'bgr': (2, 1, 0)}


def test_no_frame_is_lost_or_mixed_while_models_are_exchanged(
    peer, camera, models, start_node, connect
):
    start_node()
    masks = connect('mask')
    answers, wanted = [], ['bgr', 'rgb', 'bgr', 'rgb']
    pending = None
    # A frame is sent when the one before has come back, and the models change meanwhile.
    for seed in range(60):
        if seed % 12 == 6:
            if pending is not None:
                answers.append(pending())
            path = models / f'{wanted[seed // 12 % len(wanted)]}.onnx'
            pending = peer.set_future('model', str(path))
        camera.publish(noise(seed=seed))
        peer.wait_for(lambda n=seed + 1: len(masks) == n, f'mask {seed}')
    answers.append(pending())
    assert all(answer.successful for answer in answers), answers
    used = [model_of(mask, camera.sent[number_of(mask)]) for mask in masks]
    assert [number_of(mask) for mask in masks] == sorted(camera.sent)
    changes = [(a, b) for a, b in itertools.pairwise(used) if a != b]
    assert changes[:3] == [('rgb', 'bgr'), ('bgr', 'rgb'), ('rgb', 'bgr')]


def model_of(mask, image_hwc: np.ndarray) -> str:
    """Return which model made the whole mask; fails for one that is of both or of none."""
    ids = image_array(mask)
    fitting = [
        n for n, o in ORDERS.items() if np.array_equal(ids, expected_class_map(image_hwc, o))
    ]
    assert len(fitting) == 1, f'the mask fits {fitting}'
    return fitting[0]


def test_frames_flow_while_the_next_engine_loads(peer, camera, tmp_path, start_node, connect):
    slow_to_load = brightest_channel(
        tmp_path / 'slow.onnx', channel_order=(2, 1, 0), busy_loops=1000
    )
    start_node()
    masks = connect('mask')
    answer = peer.set_future('model', str(slow_to_load))
    started_s = time.monotonic()
    meanwhile = 0
    # Its warm-up run takes seconds; until then the old engine answers, frame by frame.
    for seed in range(20):
        camera.publish(noise(seed=seed))
        peer.wait_for(lambda n=seed + 1: len(masks) == n, f'mask {seed}', patience_s=20)
        if model_of(masks[-1], camera.sent[number_of(masks[-1])]) == 'rgb':
            meanwhile += 1
        if time.monotonic() - started_s > 15 or meanwhile >= 10:
            break
    assert meanwhile >= 5
    assert answer().successful


@pytest.mark.parametrize(
    ('model', 'engine', 'reason'),
    [
        ('broken.onnx', 'auto', 'broken.onnx'),
        ('missing.onnx', 'auto', 'missing.onnx'),
        ('rgb.onnx', 'torch', '.safetensors'),
    ],
)
def test_failed_exchange_leaves_the_old_engine_at_work(
    model, engine, reason, peer, camera, models, start_node, connect
):
    start_node()
    masks = connect('mask')
    result = peer.set_atomically({'model': str(models / model), 'engine': engine})
    assert not result.successful
    assert reason in result.reason
    camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    assert model_of(masks[0], noise()) == 'rgb'
    assert peer.get_parameter('model') == str(models / 'rgb.onnx')


def test_the_licence_of_the_packaged_model_is_told_once(peer, models, start_node):
    node = start_node(model="''")
    licence = 'research and non-commercial use only'
    peer.wait_for(lambda: licence in node.output, 'the licence')
    for model in (str(models / 'rgb.onnx'), 'rtformer_slim_camvid_360x480.onnx'):
        result = peer.set_parameter('model', model)
        assert result.successful, result.reason
    assert node.output.count(licence) == 1
