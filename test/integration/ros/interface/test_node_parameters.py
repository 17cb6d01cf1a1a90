# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters change from another process while frames flow, and take effect on the next frame."""

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

from closed_form_models import expected_class_map
import cv2
import numpy as np
import pytest
from ros_peer import NODE, number_of, values_of
from rtformer_ros.ros.input.image_messages import image_array
from rtformer_ros.ros.interface.parameters import publish_parameter, SPECS
from rtformer_ros.ros.interface.projection_parameters import PROJECTION_GROUPS
from rtformer_ros.ros.interface.region_parameters import REGION_GROUPS
from rtformer_ros.ros.interface.topics import output_topics, tunable_topics
from sensor_msgs.msg import CompressedImage, Image

PARAMETER_FILE = Path(__file__).resolve().parents[4] / 'config' / 'seg.yaml'
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def three_stripes() -> np.ndarray:
    """Return 48 rows of red, green and blue columns, whose classes are 0, 1 and 2."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :20], image[:, 20:40], image[:, 40:] = (200, 10, 20), (10, 100, 20), (10, 20, 60)
    return image


class Stream:
    """Sends stripes one by one and returns what comes of each."""

    def __init__(self, peer, camera, topic: str, kind: type = Image) -> None:
        self._peer, self.camera = peer, camera
        self._messages = peer.collect(f'{NODE}/{topic}', kind)
        peer.wait_for(lambda: peer.node.count_publishers(f'{NODE}/{topic}'), topic)
        peer.wait_for(camera.images.get_subscription_count, 'the node to hear the camera')
        peer.spin_for(0.3)

    def next(self, image_hwc: np.ndarray | None = None):
        """Return the output of a new frame."""
        number = self.camera.publish(three_stripes() if image_hwc is None else image_hwc)
        return self._peer.wait_for(
            lambda: next((m for m in self._messages if number_of(m) == number), None),
            f'the output of frame {number}',
        )

    def pixels(self) -> np.ndarray:
        return image_array(self.next())


def column_values(pixels: np.ndarray) -> list:
    """Return the values of the three stripes."""
    return [pixels[10, x].tolist() for x in (5, 30, 60)]


DUSK = str(Path(__file__).resolve().parents[2] / 'dusk_labels.yaml')

# name: (topic to look at, new value, what the three stripes become)
VISIBLE: dict[str, tuple[str, object, list]] = {
    'class_remap': ('mask', 'red=blue, 1=255', [2, 255, 2]),
    'confidence_threshold': ('mask', 0.3, [0, 1, 255]),
    'roi': ('mask', [0.5, 0.0, 1.0, 1.0], [255, 255, 2]),
    'class_filter': ('color_mask', 'green', [[0, 0, 0], [0, 255, 0], [0, 0, 0]]),
    'colors': ('color_mask', 'red=#010203, 2=#040506', [[1, 2, 3], [0, 255, 0], [4, 5, 6]]),
    'overlay_alpha': ('overlay', 0.0, [[200, 10, 20], [10, 100, 20], [10, 20, 60]]),
    'labels': ('color_mask', DUSK, [[120, 40, 20], [20, 90, 40], [10, 20, 60]]),
}


@pytest.mark.parametrize('name', VISIBLE)
def test_change_is_seen_in_the_next_frame(name, peer, camera, shared_node):
    del shared_node
    topic, value, expected = VISIBLE[name]
    stream = Stream(peer, camera, topic)
    assert column_values(stream.pixels()) != expected
    result = peer.set_parameter(name, value)
    assert result.successful, result.reason
    assert column_values(stream.pixels()) == expected
    assert peer.get_parameter(name) == value


def change_output_size(peer, stream: Stream) -> None:
    assert peer.set_parameter('output_size', '32x24').successful
    assert (lambda m: (m.width, m.height))(stream.next()) == (32, 24)


def change_resize(peer, stream: Stream) -> None:
    assert peer.set_atomically({'resize': 'letterbox', 'output_size': 'network'}).successful
    assert (lambda m: (m.width, m.height))(stream.next()) == (64, 48)


def change_palette(peer, stream: Stream) -> None:
    # The same camera: the node may not hear another one's first image yet.
    colors = Stream(peer, stream.camera, 'color_mask')
    before = column_values(colors.pixels())
    assert peer.set_parameter('palette', 'distinct').successful
    after = column_values(colors.pixels())
    assert len({tuple(c) for c in after}) == 3
    assert before != after


def change_jpeg_quality(peer, stream: Stream) -> None:
    jpegs = Stream(peer, stream.camera, 'overlay/compressed', CompressedImage)
    large = len(jpegs.next().data)
    assert peer.set_parameter('jpeg_quality', 5).successful
    assert len(jpegs.next().data) < large
    stream.next()


def change_max_rate(peer, stream: Stream) -> None:
    assert peer.set_parameter('max_rate_hz', 0.1).successful
    stream.next()
    stream.camera.publish(three_stripes())
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['dropped: rate limit'] != '0', 'a frame over the rate limit'
    )
    assert values_of(status)['dropped: rate limit'] == '1'


def change_diagnostics_period(peer, stream: Stream) -> None:
    stream.next()
    assert peer.set_parameter('diagnostics_period_s', 30.0).successful
    peer.watch_diagnostics()
    peer.spin_for(1.5)
    assert len(peer.diagnostics) <= 1, 'at the old period of 0.2 s there would be about 7'


def change_image_transport(peer, stream: Stream) -> None:
    stream.next()
    assert peer.set_parameter('image_transport', 'compressed').successful
    camera = stream.camera
    peer.wait_for(camera.compressed.get_subscription_count, 'a compressed subscription')
    masks = peer.collect(f'{NODE}/mask')
    peer.spin_for(0.3)
    packed = cv2.imencode('.png', three_stripes()[..., ::-1])[1]
    message = CompressedImage(format='png', data=packed.tobytes())
    number = camera.stamp(message.header)
    camera.compressed.publish(message)
    peer.wait_for(lambda: masks, 'a mask of the compressed image')
    assert [number_of(m) for m in masks] == [number]
    np.testing.assert_array_equal(image_array(masks[0]), expected_class_map(three_stripes()))


def change_cameras(peer, stream: Stream) -> None:
    assert peer.set_parameter('cameras', ['front', 'left']).successful
    for name in ('front', 'left'):
        peer.wait_for(lambda n=name: peer.node.count_publishers(f'{NODE}/{n}/mask'), name)
    assert peer.set_parameter('cameras', []).successful
    topic = f'{NODE}/mask'
    peer.wait_for(lambda: peer.node.count_publishers(topic), topic)
    peer.wait_for(stream.camera.images.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    stream.next()


def change_ignore_mask(peer, stream: Stream) -> None:
    """See test_node_unseen."""
    with NamedTemporaryFile(suffix='.png') as file:
        file.write(cv2.imencode('.png', np.ones((1, 1), np.uint8))[1].tobytes())
        file.flush()
        assert peer.set_parameter('ignore_mask', file.name).successful
    assert (stream.pixels() == 255).all()


def change_batch_wait(peer, stream: Stream) -> None:
    assert peer.set_parameter('batch_wait_ms', 5.0).successful
    # There is nobody to wait for.
    stream.next()


def change_smoothing(peer, stream: Stream) -> None:
    reddish, greenish = (
        np.full((48, 64, 3), rgb, np.uint8) for rgb in ((100, 98, 9), (98, 100, 9))
    )

    def ids(image_hwc: np.ndarray) -> list:
        return np.unique(image_array(stream.next(image_hwc))).tolist()

    assert [ids(image) for image in (reddish, greenish)] == [[0], [1]]
    assert peer.set_parameter('temporal_smoothing', 0.6).successful
    # Green wins once 0.6 ** n is below one half.
    assert [ids(image) for image in (reddish, greenish, greenish)] == [[0], [0], [1]]


def change_lazy(peer, stream: Stream) -> None:
    assert peer.set_parameter('lazy', False).successful
    stream.next()


def change_engine(name: str, value: object) -> Callable:
    def change(peer, stream: Stream) -> None:
        assert peer.set_parameter(name, value).successful
        np.testing.assert_array_equal(stream.pixels(), expected_class_map(three_stripes()))
        peer.watch_diagnostics()
        status = peer.wait_for_diagnostic(lambda s: True, 'diagnostics')
        assert values_of(status)['engine'] == 'onnxruntime'

    return change


def change_precision(peer, stream: Stream) -> None:
    result = peer.set_parameter('precision', 'fp16')
    assert not result.successful
    assert 'has the precision that it was exported with' in result.reason
    stream.next()


def change_snapshot(name: str, value: object) -> Callable:
    def change(peer, stream: Stream) -> None:
        """Set what only matters to ~/snapshot, see test_node_services."""
        assert peer.set_parameter(name, value).successful
        assert peer.get_parameter(name) == value
        stream.next()

    return change


def change_max_image_pixels(peer, stream: Stream) -> None:
    assert peer.set_parameter('max_image_pixels', 48 * 64 - 1).successful
    peer.watch_diagnostics()
    stream.camera.publish(three_stripes())
    peer.wait_for_diagnostic(lambda s: values_of(s)['dropped: malformed'] == '1', 'a large image')
    assert peer.set_parameter('max_image_pixels', 48 * 64).successful
    stream.next()


OTHERS: dict[str, Callable] = {
    'max_image_pixels': change_max_image_pixels,
    'output_size': change_output_size,
    'resize': change_resize,
    'ignore_mask': change_ignore_mask,
    'palette': change_palette,
    'jpeg_quality': change_jpeg_quality,
    'cameras': change_cameras,
    'batch_wait_ms': change_batch_wait,
    'max_rate_hz': change_max_rate,
    'diagnostics_period_s': change_diagnostics_period,
    'image_transport': change_image_transport,
    'lazy': change_lazy,
    'temporal_smoothing': change_smoothing,
    'engine': change_engine('engine', 'onnxruntime'),
    'device': change_engine('device', 'cpu'),
    'threads': change_engine('threads', 2),
    'network_size': change_engine('network_size', '64x48'),
    'precision': change_precision,
    # Of matter to an engine that compiles alone, see test_node_build.
    'build.workspace_mib': change_engine('build.workspace_mib', 64),
    'build.optimization_level': change_engine('build.optimization_level', 5),
    'engine_fallback': change_engine('engine_fallback', 'onnxruntime'),
    'snapshot.folder': change_snapshot('snapshot.folder', '/tmp'),
    'snapshot.timeout_s': change_snapshot('snapshot.timeout_s', 1.0),
}


@pytest.mark.parametrize('name', OTHERS)
def test_change_takes_effect(name, peer, camera, start_node):
    start_node(engine='auto' if name == 'engine' else 'onnxruntime')
    stream = Stream(peer, camera, 'mask')
    stream.next()
    OTHERS[name](peer, stream)


def test_topics_are_offered_and_withdrawn(peer, camera, start_node):
    start_node()
    # Two need a package that may be missing, see test_node_classes and test_node_regions.
    needing = {'label_info', 'detections'}
    for topic in [topic for topic in output_topics() if topic not in needing]:
        name, full_name = publish_parameter(topic), f'{NODE}/{topic}'
        peer.wait_for(lambda n=full_name: peer.node.count_publishers(n), full_name)
        assert peer.set_parameter(name, False).successful
        peer.wait_for(lambda n=full_name: not peer.node.count_publishers(n), f'{topic} to go')
        assert peer.set_parameter(name, True).successful
        peer.wait_for(lambda n=full_name: peer.node.count_publishers(n), f'{topic} to return')
    Stream(peer, camera, 'mask').next()


@pytest.mark.parametrize('topic', tunable_topics())
def test_output_qos_changes(topic, peer, shared_node):
    from rclpy.qos import ReliabilityPolicy

    del shared_node
    full_name = f'{NODE}/{topic}'

    def offered() -> list:
        infos = peer.node.get_publishers_info_by_topic(full_name)
        return [info.qos_profile.reliability for info in infos]

    peer.wait_for(lambda: offered() == [ReliabilityPolicy.RELIABLE], 'a reliable publisher')
    changes = {f'qos.{topic}.reliability': 'best_effort', f'qos.{topic}.depth': 7}
    assert peer.set_atomically(changes).successful
    peer.wait_for(lambda: offered() == [ReliabilityPolicy.BEST_EFFORT], 'best effort')


@pytest.mark.parametrize('topic', ['image', 'camera_info'])
def test_input_qos_changes(topic, peer, camera, start_node):
    from rclpy.qos import ReliabilityPolicy

    del camera
    start_node()
    # An idle node does not ask for images.
    peer.collect(f'{NODE}/mask')

    def asked() -> list:
        infos = peer.node.get_subscriptions_info_by_topic(f'/{topic}')
        return [info.qos_profile.reliability for info in infos]

    peer.wait_for(lambda: asked() == [ReliabilityPolicy.RELIABLE], "the camera's own reliability")
    changes = {f'qos.{topic}.reliability': 'best_effort', f'qos.{topic}.depth': 7}
    assert peer.set_atomically(changes).successful
    peer.wait_for(lambda: asked() == [ReliabilityPolicy.BEST_EFFORT], 'best effort')


def test_every_parameter_that_can_change_has_a_test_above():
    # What makes costmaps, scans and points is changed in test_node_projections, regions and
    # coverage in test_node_regions, channel_order in test_image_transport, frame_encoding in
    # test_node_frames and model_open_timeout_s in test_node_opening.
    tested = {spec.name for group in (*PROJECTION_GROUPS, *REGION_GROUPS) for spec in group.specs}
    tested |= {'model_open_timeout_s', 'channel_order', 'frame_encoding', 'model'}
    tested |= {*VISIBLE, *OTHERS, *map(publish_parameter, output_topics())}
    for topic in (*tunable_topics(), 'image', 'camera_info', 'depth'):
        tested |= {f'qos.{topic}.reliability', f'qos.{topic}.depth'}
    assert tested == {name for name, spec in SPECS.items() if not spec.read_only}


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


def test_the_parameter_file_is_read_as_the_defaults(peer, models, start_node):
    start_node('--params-file', str(PARAMETER_FILE), '-p', f'model:={models / "rgb.onnx"}')
    received = {name: peer.get_parameter(name) for name in SPECS}
    expected = {name: spec.ros_default for name, spec in SPECS.items()}
    assert received == {**expected, 'model': str(models / 'rgb.onnx')}


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
