# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Several cameras share one engine, and none of them disturbs another."""

import itertools
import threading

from closed_form_models import brightest_channel, expected_class_map
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import Camera, NODE, noise, number_of, values_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CameraInfo, Image

NAMES = ['front', 'left', 'right']


class NamedCamera(Camera):
    """A camera of the node, and what the node makes of it."""

    def __init__(self, peer, name: str, output: str = 'mask', **options) -> None:
        topic = f'{name}/image' if name else 'image'
        super().__init__(peer, topic=topic, **options)
        self._peer = peer
        self.name = name
        self.output = f'{NODE}/{name}/{output}' if name else f'{NODE}/{output}'
        self.masks = peer.collect(self.output)

    def connect(self) -> None:
        self._peer.wait_for(lambda: self._peer.node.count_publishers(self.output), self.output)
        self._peer.wait_for(self.images.get_subscription_count, f'a subscription to {self.name}')
        self._peer.spin_for(0.3)

    def mask_of_a_new_frame(self, seed: int = 0, patience_s: float = 20.0):
        """Send a frame and return its mask, which has to be its own."""
        number = self.publish(noise(seed=seed))
        mask = self._peer.wait_for(
            lambda: next((m for m in self.masks if number_of(m) == number), None),
            f'the mask of frame {number} of {self.name}',
            patience_s,
        )
        np.testing.assert_array_equal(image_array(mask), expected_class_map(noise(seed=seed)))
        return mask

    @property
    def publisher_id(self) -> bytes:
        """Return what tells one publisher of the masks from the next."""
        (info,) = self._peer.node.get_publishers_info_by_topic(self.output)
        return bytes(info.endpoint_gid)


def cameras_of(peer, names: list[str], *arguments, **options) -> list[NamedCamera]:
    cameras = [NamedCamera(peer, name, *arguments, **options) for name in names]
    for camera in cameras:
        camera.connect()
    return cameras


def statuses(peer) -> dict[str, DiagnosticStatus]:
    """Return the next status of the node ('segmentation') and of each camera."""
    peer.diagnostics.clear()
    peer.wait_for(lambda: len(peer.diagnostics) >= len(NAMES) + 1, 'diagnostics')
    return {status.name.partition(': ')[2]: status for status in peer.diagnostics}


def test_each_camera_has_topics_headers_and_sizes_of_its_own(peer, start_node):
    start_node(cameras=NAMES)
    cameras = cameras_of(peer, NAMES)
    infos = peer.collect(f'{NODE}/left/camera_info', CameraInfo)
    sizes = [(48, 64), (24, 32), (96, 128)]
    for seed, (camera, size) in enumerate(zip(cameras, sizes, strict=True)):
        camera.calibrate(CameraInfo(height=size[0], width=size[1], k=[float(seed + 1)] * 9))
        is_left = camera is cameras[1]
        camera.publish_until(
            lambda c=camera, left=is_left: c.masks and (infos or not left), noise(*size)
        )
    peer.spin_for(0.5)
    for messages in (infos, *(camera.masks for camera in cameras)):
        messages.clear()
    sent = {}
    for seed, (camera, size) in enumerate(zip(cameras, sizes, strict=True)):
        # Numbers differ, so that a mask with the header of another camera's frame is seen.
        for _ in range(10 * seed):
            camera.stamp(CameraInfo().header)
        sent[camera.name] = (camera.publish(noise(*size, seed=seed)), size)
    peer.wait_for(lambda: all(c.masks for c in cameras) and infos, 'masks of all cameras')
    peer.spin_for(0.3)
    for camera in cameras:
        number, size = sent[camera.name]
        assert [number_of(mask) for mask in camera.masks] == [number]
        assert (camera.masks[0].height, camera.masks[0].width) == size
    assert [(info.height, info.width, info.k[0]) for info in infos] == [(24, 32, 2.0)]
    np.testing.assert_array_equal(
        image_array(cameras[0].masks[0]), expected_class_map(noise(seed=0))
    )
    assert not peer.node.count_publishers(f'{NODE}/mask')


def test_cameras_come_and_go_while_others_go_on(peer, start_node):
    start_node(cameras=['front', 'left'])
    front, left = cameras_of(peer, ['front', 'left'])
    first_id, seeds = front.publisher_id, itertools.count()
    # A frame is sent when the one before has come back, and the cameras change meanwhile.
    for names in (['front', 'left', 'right'], ['right', 'front'], ['front'], ['front', 'left']):
        answer = peer.set_future('cameras', names)
        for _ in range(15):
            front.mask_of_a_new_frame(next(seeds))
        assert answer().successful
        assert peer.get_parameter('cameras') == names
        for name in NAMES:
            is_there = name in names
            topic = f'{NODE}/{name}/mask'
            peer.wait_for(lambda t=topic: peer.node.count_publishers(t), topic) if is_there else (
                peer.wait_for(lambda t=topic: not peer.node.count_publishers(t), f'{topic} to go')
            )
    assert front.publisher_id == first_id
    left.connect()
    left.mask_of_a_new_frame()


def test_the_camera_without_a_name_makes_way_and_returns(peer, start_node):
    start_node()
    (plain,) = cameras_of(peer, [''])
    plain.mask_of_a_new_frame()
    assert peer.set_parameter('cameras', ['front']).successful
    (front,) = cameras_of(peer, ['front'])
    front.mask_of_a_new_frame()
    peer.wait_for(lambda: not plain.images.get_subscription_count(), 'it to leave image')
    assert not peer.node.count_publishers(f'{NODE}/mask')
    # An empty list comes as one of bytes, as `ros2 param set` sends one of bools.
    result = peer.set_parameter('cameras', [])
    assert result.successful, result.reason
    plain.connect()
    plain.mask_of_a_new_frame()


def test_changes_while_inactive_count_from_the_next_activation(peer, start_node):
    start_node(wait='unconfigured', autostart=False, cameras=['front'])
    assert peer.set_parameter('cameras', ['left']).successful
    assert peer.change_state('configure')
    assert peer.set_parameter('cameras', ['left', 'right']).successful
    assert peer.change_state('activate')
    for camera in cameras_of(peer, ['left', 'right']):
        camera.mask_of_a_new_frame()
    assert not peer.node.count_publishers(f'{NODE}/front/mask')


def test_a_camera_that_dies_or_sends_nonsense_harms_no_other(peer, start_node):
    node = start_node(cameras=NAMES)
    front, left, right = cameras_of(peer, NAMES)
    peer.watch_diagnostics()
    for camera in (front, left, right):
        camera.mask_of_a_new_frame()
    # Both, or the node would take what is left of it, the compressed form.
    peer.node.destroy_publisher(left.compressed)
    peer.node.destroy_publisher(left.images)
    for seed in range(20):
        too_short = Image(height=48, width=64, encoding='rgb8', step=192, data=bytes(1000))
        right.publish_message(too_short)
        front.mask_of_a_new_frame(seed)
    found = peer.wait_for(
        lambda: (s := statuses(peer))['left'].level == DiagnosticStatus.WARN and s,
        'the dead camera to be told',
    )
    assert 'nobody publishes /left/image' in found['left'].message
    assert values_of(found['right'])['dropped: malformed'] == '20'
    assert values_of(found['front'])['frames segmented'] == '21'
    assert values_of(found['front'])['frames dropped'] == '0'
    assert found['segmentation'].level == DiagnosticStatus.WARN
    assert 'left: no camera: nobody publishes /left/image' in found['segmentation'].message
    assert values_of(found['segmentation'])['frames segmented'] == '23'
    assert 'Traceback' not in node.output


def test_turns_are_shared_fairly_under_load(peer, models, tmp_path, start_node):
    """Three cameras of different rates are far too much; each gets a third."""
    start_node(model=brightest_channel(tmp_path / 'slow.onnx', busy_loops=20), cameras=NAMES)
    cameras = cameras_of(peer, NAMES)
    stop = threading.Event()

    def film(camera: NamedCamera, period_s: float) -> None:
        for seed in itertools.count():
            if stop.wait(period_s):
                return
            camera.publish(noise(seed=seed % 5))

    threads = [
        threading.Thread(target=film, args=pair)
        for pair in zip(cameras, (0.008, 0.011, 0.017), strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        peer.wait_for(lambda: sum(len(c.masks) for c in cameras) >= 90, '90 masks')
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    counts = [len(camera.masks) for camera in cameras]
    assert max(counts) - min(counts) <= 0.2 * sum(counts) / 3, counts
    for camera in cameras:
        numbers = [number_of(mask) for mask in camera.masks]
        assert numbers == sorted(set(numbers))
        for mask in camera.masks:
            expected = expected_class_map(camera.sent[number_of(mask)])
            np.testing.assert_array_equal(image_array(mask), expected)


def send_together(peer, cameras: list[NamedCamera], seed: int) -> list:
    """Send a frame of each camera at once and return their outputs."""
    before = [len(camera.masks) for camera in cameras]
    for index, camera in enumerate(cameras):
        camera.publish(noise(seed=seed + index))
    peer.wait_for(
        lambda: all(len(c.masks) > n for c, n in zip(cameras, before, strict=True)), 'all outputs'
    )
    return [camera.masks[-1] for camera in cameras]


def test_frames_share_a_run_where_that_is_quicker(peer, tmp_path, start_node):
    # In ONNX Runtime the model takes the same time for any number of images.
    model = brightest_channel(tmp_path / 'm.onnx', busy_loops=5, tells_batch=True)
    names = [*NAMES, 'rear', 'up', 'down']
    start_node(model=model, engine='onnxruntime', cameras=names, batch_wait_ms=500.0)
    cameras = cameras_of(peer, names, 'confidence')
    masks = {camera.name: peer.collect(f'{NODE}/{camera.name}/mask') for camera in cameras}
    peer.spin_for(0.5)
    sizes = []
    # Both ways are tried first.
    while sizes[-3:] != [[6] * 6] * 3:
        assert len(sizes) < 30, sizes
        outputs = send_together(peer, cameras, len(sizes))
        sizes.append([int(image_array(output)[0, 0]) for output in outputs])
    assert sizes[0][0] == 1
    peer.spin_for(0.5)
    for camera in cameras:
        assert len(masks[camera.name]) == len(sizes)
        for mask in masks[camera.name]:
            expected = expected_class_map(camera.sent[number_of(mask)])
            np.testing.assert_array_equal(image_array(mask), expected)


def test_a_frame_that_fails_costs_the_others_of_its_batch_nothing(peer, tmp_path, start_node):
    model = brightest_channel(tmp_path / 'm.onnx', fails_above=200)
    start_node(model=model, engine='onnxruntime', cameras=NAMES, batch_wait_ms=500.0)
    cameras = cameras_of(peer, NAMES)
    front, left, right = cameras
    peer.watch_diagnostics()
    # After a single run the node tries batches until some of them went well, and none does.
    for n in range(1, 6):
        for camera in cameras:
            value = 250 if camera is left else 90
            camera.publish(np.full((48, 64, 3), value, np.uint8))
        peer.wait_for(lambda n=n: len(front.masks) == len(right.masks) == n, 'masks of the others')
    found = statuses(peer)
    assert not left.masks
    assert values_of(found['left'])['dropped: failed'] == '5'
    assert 'm.onnx' in values_of(found['left'])['last error']
    for name in ('front', 'right'):
        assert values_of(found[name])['frames dropped'] == '0'


@pytest.mark.parametrize(
    ('value', 'reason'),
    [
        (['front', 'front'], 'more than once'),
        (['front', '/left'], "'/left'"),
        (['a__b'], 'underscores'),
        (3, "['one', 'two']"),
        ('front, left-rear', "'left-rear'"),
        ([1, 2], 'list of texts'),
    ],
)
def test_bad_names_are_refused_and_change_nothing(value, reason, peer, start_node):
    start_node(cameras=['front'])
    (front,) = cameras_of(peer, ['front'])
    result = peer.set_parameter('cameras', value)
    assert not result.successful
    assert reason in result.reason
    assert peer.get_parameter('cameras') == ['front']
    front.mask_of_a_new_frame()


def test_an_empty_list_in_a_file_is_one_camera_without_a_name(peer, tmp_path, start_node):
    file = tmp_path / 'parameters.yaml'
    file.write_text('/**:\n  ros__parameters:\n    cameras: []\n')
    start_node('--params-file', str(file))
    (plain,) = cameras_of(peer, [''])
    plain.mask_of_a_new_frame()
    assert peer.get_parameter('cameras') == []


def test_bad_start_value_ends_the_process_with_one_clear_line(start_node):
    node = start_node(wait='', cameras=['front', '2nd'])
    assert node.process.wait(60) == 1
    assert "'2nd'" in node.output
    assert 'Traceback' not in node.output
