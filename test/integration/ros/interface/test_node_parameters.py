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
from sensor_msgs.msg import CompressedImage
from striped_stream import column_values, Stream, three_stripes

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


def test_every_parameter_that_can_change_has_a_test_above():
    # What makes costmaps, scans and points is changed in test_projection_parameters, regions and
    # coverage in test_node_regions, channel_order in test_image_transport, frame_encoding in
    # test_node_frames and model_open_timeout_s in test_node_opening.
    tested = {spec.name for group in (*PROJECTION_GROUPS, *REGION_GROUPS) for spec in group.specs}
    tested |= {'model_open_timeout_s', 'channel_order', 'frame_encoding', 'model'}
    tested |= {*VISIBLE, *OTHERS, *map(publish_parameter, output_topics())}
    for topic in (*tunable_topics(), 'image', 'camera_info', 'depth'):
        tested |= {f'qos.{topic}.reliability', f'qos.{topic}.depth'}
    assert tested == {name for name, spec in SPECS.items() if not spec.read_only}
