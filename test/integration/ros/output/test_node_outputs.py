# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What goes in as an image comes out as masks and pictures, in another process."""

from closed_form_models import expected_class_map, RGB_LABELS
import cv2
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import Camera, NODE, noise, number_of, values_of
from rtformer_ros.ros.input.image_messages import image_array
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

PALETTE = np.array([label.color_rgb for label in RGB_LABELS.classes], np.uint8)
OUTPUTS = {
    'mask': Image,
    'color_mask': Image,
    'overlay': Image,
    'confidence': Image,
    'camera_info': CameraInfo,
    'mask/compressed': CompressedImage,
    'color_mask/compressed': CompressedImage,
    'overlay/compressed': CompressedImage,
}


def camera_info(height: int, width: int) -> CameraInfo:
    return CameraInfo(
        height=height,
        width=width,
        distortion_model='plumb_bob',
        d=[0.1, -0.2, 0.01, 0.02, 0.0],
        k=[50.0, 0.0, 31.0, 0.0, 52.0, 23.0, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[50.0, 0.0, 31.0, -5.0, 0.0, 52.0, 23.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def unpack(message: CompressedImage, flag: int) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(message.data, np.uint8), flag)


def test_every_output_has_the_input_header_and_the_engine_result(
    peer, camera, start_node, connect
):
    start_node(overlay_alpha=0.25)
    received = {topic: connect(topic, kind) for topic, kind in OUTPUTS.items()}
    info = camera_info(48, 64)
    camera.calibrate(info)
    for seed in range(5):
        image = cv2.GaussianBlur(noise(seed=seed), (9, 9), 0)
        number = camera.publish(image)
        peer.wait_for(
            lambda n=seed + 1: all(len(m) >= n for m in received.values()), 'all outputs'
        )
        latest = {topic: messages[-1] for topic, messages in received.items()}
        assert {number_of(message) for message in latest.values()} == {number}
        ids = expected_class_map(image)
        mask = latest['mask']
        assert (mask.encoding, mask.step, mask.width, mask.height) == ('mono8', 64, 64, 48)
        np.testing.assert_array_equal(image_array(mask), ids)
        np.testing.assert_array_equal(image_array(latest['confidence']), image.max(axis=2))
        assert latest['color_mask'].encoding == latest['overlay'].encoding == 'rgb8'
        np.testing.assert_array_equal(image_array(latest['color_mask']), PALETTE[ids])
        mixed = 0.75 * image.astype(float) + 0.25 * PALETTE[ids]
        np.testing.assert_allclose(image_array(latest['overlay']), mixed, atol=1)
        np.testing.assert_array_equal(unpack(latest['mask/compressed'], cv2.IMREAD_UNCHANGED), ids)
        assert latest['mask/compressed'].format == 'png'
        for topic in ('overlay', 'color_mask'):
            raw_bgr = image_array(latest[topic])[..., ::-1]
            jpeg = cv2.imencode('.jpg', raw_bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
            packed = latest[f'{topic}/compressed']
            assert packed.format == 'jpeg'
            np.testing.assert_array_equal(
                unpack(packed, cv2.IMREAD_COLOR), cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
            )
        assert latest['camera_info'].k.tolist() == info.k.tolist()
    assert all(len(messages) == 5 for messages in received.values())


@pytest.mark.parametrize('encoding', ['bgr8', 'mono8'])
def test_other_encodings_arrive_as_rgb(encoding, peer, camera, start_node, connect):
    start_node()
    masks = connect('mask')
    image = noise()
    if encoding == 'mono8':
        camera.publish(image[..., 0], encoding)
        expected = np.zeros((48, 64), np.uint8)
    else:
        camera.publish(image[..., ::-1], encoding)
        expected = expected_class_map(image)
    peer.wait_for(lambda: masks, 'a mask')
    np.testing.assert_array_equal(image_array(masks[0]), expected)


def test_compressed_transport_follows_the_remapped_image(peer, start_node):
    from ros_peer import Camera

    camera = Camera(peer, topic='/front/image')
    start_node('-r', 'image:=/front/image', image_transport='compressed')
    masks = peer.collect(f'{NODE}/mask')
    peer.wait_for(camera.compressed.get_subscription_count, 'the node to hear the camera')
    peer.spin_for(0.3)
    image = noise()
    packed = cv2.imencode('.png', image[..., ::-1])[1]
    message = CompressedImage(format='png', data=packed.tobytes())
    camera.stamp(message.header)
    camera.compressed.publish(message)
    peer.wait_for(lambda: masks, 'a mask')
    np.testing.assert_array_equal(image_array(masks[0]), expected_class_map(image))


@pytest.mark.parametrize(
    ('output_size', 'resize', 'source', 'expected'),
    [
        ('source', 'stretch', (96, 128), (96, 128)),
        ('network', 'stretch', (96, 160), (48, 64)),
        ('network', 'letterbox', (90, 160), (36, 64)),
        ('source', 'letterbox', (90, 160), (90, 160)),
        ('30x20', 'stretch', (48, 64), (20, 30)),
    ],
)
def test_output_size_and_camera_info_follow_the_parameters(
    output_size, resize, source, expected, peer, camera, start_node, connect
):
    start_node(output_size=output_size, resize=resize)
    masks, infos = connect('mask'), connect('camera_info', CameraInfo)
    camera.calibrate(camera_info(*source))
    # Four quarters, so that a mask that is shifted or flipped is seen.
    image = np.zeros((*source, 3), np.uint8)
    height, width = source
    image[: height // 2, : width // 2, 0] = 255
    image[: height // 2, width // 2 :, 1] = 255
    image[height // 2 :, :, 2] = 255
    camera.publish(image)
    peer.wait_for(lambda: masks and infos, 'mask and camera_info')
    ids = image_array(masks[0])
    assert ids.shape == expected
    nearest_rows = ((np.arange(expected[0]) + 0.5) * height / expected[0]).astype(int)
    nearest_columns = ((np.arange(expected[1]) + 0.5) * width / expected[1]).astype(int)
    right = expected_class_map(image)[nearest_rows][:, nearest_columns]
    assert (ids == right).mean() > 0.95
    scale_x, scale_y = expected[1] / width, expected[0] / height
    info = infos[0]
    assert (info.height, info.width) == expected
    np.testing.assert_allclose(info.k[[0, 2]], [50.0 * scale_x, 31.0 * scale_x])
    np.testing.assert_allclose(info.k[[4, 5]], [52.0 * scale_y, 23.0 * scale_y])
    np.testing.assert_allclose(info.p[[0, 3, 5]], [50 * scale_x, -5 * scale_x, 52 * scale_y])
    assert info.d.tolist() == camera_info(*source).d.tolist()


def test_a_calibration_that_has_not_come_is_told(peer, camera, start_node, connect):
    start_node()
    infos = connect('camera_info', CameraInfo)
    peer.watch_diagnostics()
    camera.publish(noise())
    told = 'a subscriber of ~/camera_info gets nothing: no CameraInfo has come'
    peer.wait_for_diagnostic(lambda s: told in s.message, 'the reason')
    camera.calibrate(camera_info(48, 64))
    camera.publish(noise())
    peer.last(infos, 'the calibration')
    peer.wait_for_diagnostic(lambda s: s.level == DiagnosticStatus.OK, 'all to be well')


def test_late_subscriber_gets_the_frames_that_follow(peer, camera, start_node, connect):
    start_node()
    masks = connect('mask')
    camera.publish(noise(seed=1))
    peer.wait_for(lambda: masks, 'a mask')
    overlays = connect('overlay')
    number = camera.publish(noise(seed=2))
    peer.wait_for(lambda: overlays, 'an overlay for the late subscriber')
    assert [number_of(m) for m in overlays] == [number]


def test_lazy_node_segments_only_for_subscribers(peer, camera, start_node):
    start_node()
    hears = camera.images.get_subscription_count
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(
        lambda s: 'idle: nobody subscribes' in s.message, 'an idle node that knows of the camera'
    )
    assert status.level == DiagnosticStatus.OK
    assert values_of(status)['publishers'] == '1'
    assert not hears(), 'a subscription that nobody needs'
    for _ in range(2):
        masks: list[Image] = []
        subscription = peer.node.create_subscription(Image, f'{NODE}/mask', masks.append, 5)
        peer.wait_for(lambda m=masks: camera.publish(noise()) and m, 'a mask')
        peer.node.destroy_subscription(subscription)
        peer.wait_for(lambda: not hears(), 'the node to rest again')
    assert peer.set_parameter('lazy', False).successful
    peer.wait_for(hears, 'the node to hear the camera')
    peer.spin_for(0.3)
    before = counts(peer.wait_for_diagnostic(lambda s: True, 'diagnostics'))['frames segmented']
    camera.publish(noise())
    peer.wait_for_diagnostic(
        lambda s: counts(s)['frames segmented'] == before + 1, 'a segmented frame'
    )


def test_idle_node_tells_what_is_wrong_with_the_camera(peer, start_node):
    start_node()
    peer.watch_diagnostics()
    peer.wait_for_diagnostic(lambda s: 'no camera: nobody publishes' in s.message, 'no camera')
    camera = Camera(peer)
    idle = lambda s: 'idle: nobody subscribes' in s.message  # noqa: E731
    peer.wait_for_diagnostic(idle, 'an idle node')
    assert peer.set_parameter('qos.image.reliability', 'reliable').successful
    peer.node.destroy_publisher(camera.images)
    peer.wait_for_diagnostic(lambda s: 'no camera: nobody publishes' in s.message, 'no camera')
    Camera(peer, reliable=False)
    status = peer.wait_for_diagnostic(lambda s: 'QoS mismatch' in s.message, 'the mismatch')
    assert status.level == DiagnosticStatus.WARN
    assert peer.set_parameter('qos.image.reliability', 'auto').successful
    peer.wait_for_diagnostic(idle, 'an idle node')


def counts(status) -> dict[str, int]:
    return {p.key: int(p.value) for p in status.values if p.key.startswith('frames')}
