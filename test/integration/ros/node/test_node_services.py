# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node is paused and asked for a snapshot by another process."""

from collections.abc import Callable
import json
from pathlib import Path

from closed_form_models import expected_class_map, RGB_LABELS
import cv2
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import Camera, NODE, noise, number_of, values_of
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import SetBool, Trigger

COLORS = np.array([each.color_rgb for each in RGB_LABELS.classes], np.uint8)


@pytest.fixture
def enable(peer) -> Callable[[bool], SetBool.Response]:
    return lambda on: peer.call(SetBool, f'{NODE}/set_enabled', SetBool.Request(data=on))


@pytest.fixture
def snapshot(peer) -> Callable[[], Callable[[], Trigger.Response]]:
    """Return a function that asks for a snapshot, and returns one that waits for the answer."""

    def ask() -> Callable[[], Trigger.Response]:
        answer = peer.ask(Trigger, f'{NODE}/snapshot', Trigger.Request())
        peer.spin_for(0.3)
        return answer

    return ask


def read_png(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., ::-1]


def test_paused_node_segments_nothing_until_it_is_enabled(
    peer, camera, start_node, connect, enable
):
    start_node()
    masks = connect('mask')
    peer.watch_diagnostics()
    assert enable(False).success
    for seed in range(3):
        camera.publish(noise(seed=seed))
        peer.spin_for(0.1)
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['frames while paused'] == '3', 'three frames left out'
    )
    assert status.level == DiagnosticStatus.OK
    assert 'paused by ~/set_enabled' in status.message
    assert values_of(status)['enabled'] == 'false'
    assert values_of(status)['frames dropped'] == '0'
    assert peer.state() == 'active'
    # A lifecycle manager knows nothing of the pause, and does not end it.
    assert peer.change_state('deactivate')
    assert peer.change_state('activate')
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    camera.publish(noise())
    peer.wait_for_diagnostic(lambda s: values_of(s)['frames while paused'] == '4', 'the fourth')
    assert not masks
    assert enable(True).success
    number = camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    assert [number_of(mask) for mask in masks] == [number]
    peer.wait_for_diagnostic(lambda s: values_of(s)['enabled'] == 'true', 'it to be told')


def test_snapshot_holds_the_next_frame_though_nobody_subscribes(
    peer, camera, models, tmp_path, start_node, snapshot
):
    folder = tmp_path / 'reports'
    # Nobody listens, and the rate limit would let no second frame through.
    start_node(engine='onnxruntime', overlay_alpha=1.0, max_rate_hz=0.01, snapshot__folder=folder)
    camera.calibrate(CameraInfo(width=64, height=48, k=[float(i) for i in range(9)]))
    found = []
    for seed in range(2):
        answer = snapshot()
        # It waits for a frame, and all else goes on.
        assert peer.set_parameter('jpeg_quality', 70 + seed).successful
        peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
        peer.spin_for(0.3)
        number = camera.publish(noise(seed=seed))
        response = answer()
        assert response.success, response.message
        place = Path(response.message)
        found.append(place)
        assert place.parent == folder
        np.testing.assert_array_equal(read_png(place / 'input.png'), noise(seed=seed))
        ids = expected_class_map(noise(seed=seed))
        np.testing.assert_array_equal(read_png(place / 'mask.png'), ids)
        np.testing.assert_array_equal(read_png(place / 'overlay.png'), COLORS[ids])
        facts = json.loads((place / 'snapshot.json').read_text())
        assert facts['parameters']['jpeg_quality'] == 70 + seed
        assert facts['parameters']['max_rate_hz'] == 0.01
        assert facts['engine']['name'] == 'onnxruntime'
        assert facts['engine']['model'] == str(models / 'rgb.onnx')
        assert facts['versions']['cv2'] == cv2.__version__
        frame = facts['frames']['']
        assert frame['stamp'] == {'sec': 1000 + number, 'nanosec': 7}
        assert (frame['topic'], frame['encoding']) == ('/image', 'rgb8')
        assert frame['camera_info']['k'] == list(range(9))
        assert frame['times_ms']['infer'] > 0
        peer.wait_for(lambda: not camera.images.get_subscription_count(), 'the node to rest again')
    assert sorted(folder.iterdir()) == sorted(found), 'and nothing unfinished'


def test_snapshot_has_a_folder_for_each_camera_and_tells_of_the_silent_one(
    peer, tmp_path, start_node, snapshot
):
    cameras = {name: Camera(peer, topic=f'{name}/image') for name in ('front', 'left')}
    start_node(
        cameras='[front, left]', snapshot__folder=tmp_path / 'reports', snapshot__timeout_s=5.0
    )
    answer = snapshot()
    peer.wait_for(cameras['left'].images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    cameras['left'].publish(noise())
    response = answer()
    assert response.success, response.message
    assert 'front: no frame has come yet on /front/image' in response.message
    place = Path(response.message.partition(' ')[0])
    np.testing.assert_array_equal(read_png(place / 'left' / 'input.png'), noise())
    assert list(json.loads((place / 'snapshot.json').read_text())['frames']) == ['left']


def test_snapshot_says_why_there_is_none(peer, tmp_path, start_node, snapshot, enable):
    start_node(snapshot__timeout_s=0.2, snapshot__folder=tmp_path)
    response = snapshot()()
    assert not response.success
    assert 'no frame within 0.2 s: no camera: nobody publishes /image' in response.message
    camera = Camera(peer)
    assert peer.set_parameter('snapshot.timeout_s', 30.0).successful
    (tmp_path / 'file').write_text('')
    assert peer.set_parameter('snapshot.folder', str(tmp_path / 'file')).successful
    answer = snapshot()
    peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    camera.publish(noise())
    response = answer()
    assert not response.success
    assert f'cannot write a snapshot into {tmp_path / "file"}' in response.message
    assert enable(False).success
    response = snapshot()()
    assert (response.success, 'paused' in response.message) == (False, True)
    assert peer.change_state('deactivate')
    response = snapshot()()
    assert (response.success, 'the node is inactive' in response.message) == (False, True)
