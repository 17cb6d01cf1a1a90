# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The diagnostics say what is wrong."""

from closed_form_models import brightest_channel
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_peer import Camera, NODE, noise, number_of, qos, values_of
from rtformer_ros.ros.input.image_messages import new_image
from rtformer_ros.stream.statistics import STAGES
from sensor_msgs.msg import Image

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def test_no_camera(peer, start_node):
    start_node('-r', 'image:=/front/image')
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: s.level == WARN, 'a warning')
    assert 'nobody publishes /front/image' in status.message


def test_qos_mismatch_is_named(peer, start_node):
    camera = Camera(peer, reliable=False)
    start_node(qos__image__reliability='reliable')
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: 'QoS' in s.message, 'the mismatch')
    assert status.level == WARN
    assert 'RELIABILITY' in status.message
    assert '/image' in status.message
    # The cure that the message names works, while the node runs.
    masks = peer.collect(f'{NODE}/mask')
    assert peer.set_parameter('qos.image.reliability', 'auto').successful
    peer.wait_for(camera.images.get_subscription_count, 'a subscription that fits')
    peer.spin_for(0.3)
    camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    peer.wait_for_diagnostic(lambda s: s.level == OK, 'the warning to end')


@pytest.mark.parametrize('reliable', [True, False])
def test_auto_qos_follows_the_camera(reliable, peer, start_node):
    start_node()
    masks = peer.collect(f'{NODE}/mask')
    first = Camera(peer, reliable=not reliable)
    peer.wait_for(first.images.get_subscription_count, 'a subscription for the first camera')
    peer.node.destroy_publisher(first.images)
    second = Camera(peer, reliable=reliable)
    peer.wait_for(second.images.get_subscription_count, 'a subscription for the second camera')
    peer.spin_for(0.3)
    peer.wait_for(lambda: second.publish(noise()) and masks, 'a mask')


def test_qos_override_of_ros_has_the_last_word(peer, start_node):
    from rclpy.qos import ReliabilityPolicy

    start_node(
        **{
            'qos_overrides./segmentation_node/mask.publisher.reliability': 'best_effort',
            'qos_overrides./segmentation_node/mask.publisher.depth': 9,
        }
    )

    def offered() -> list:
        infos = peer.node.get_publishers_info_by_topic(f'{NODE}/mask')
        return [info.qos_profile.reliability for info in infos]

    peer.wait_for(offered, 'a publisher')
    assert offered() == [ReliabilityPolicy.BEST_EFFORT]
    assert peer.set_parameter('qos.mask.depth', 3).successful
    peer.spin_for(0.5)
    assert offered() == [ReliabilityPolicy.BEST_EFFORT]


def test_subscriber_that_gets_nothing_is_named(peer, camera, start_node):
    start_node(qos__mask__reliability='best_effort')
    masks = peer.collect(f'{NODE}/mask', reliable=True)
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(
        lambda s: camera.publish(noise()) and 'gets nothing' in s.message, 'a warning'
    )
    assert status.level == WARN
    assert '~/mask gets nothing: peer asks for reliable' in status.message
    assert peer.set_parameter('qos.mask.reliability', 'auto').successful
    peer.wait_for(lambda: camera.publish(noise()) and masks, 'a mask')
    peer.wait_for_diagnostic(lambda s: s.level == OK, 'the warning to end')


def test_falling_behind(peer, camera, models, start_node, connect):
    start_node(model=models / 'slow.onnx')
    connect('mask')
    peer.watch_diagnostics()
    statuses = peer.diagnostics

    def behind() -> DiagnosticStatus | None:
        camera.publish(noise())
        return next((s for s in statuses if 'falls behind' in s.message), None)

    assert peer.wait_for(behind, 'a warning').level == WARN


def test_no_frame_for_a_while(peer, camera, start_node, connect):
    start_node()
    masks = connect('mask')
    peer.watch_diagnostics()
    camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    status = peer.wait_for_diagnostic(lambda s: 'no frame for' in s.message, 'a warning')
    assert status.level == WARN


def test_engine_that_cannot_load_is_an_error_and_is_mended_by_a_parameter(
    peer, camera, models, start_node
):
    node = start_node(wait='unconfigured', model=models / 'broken.onnx')
    peer.watch_diagnostics()
    status = peer.wait_for_diagnostic(lambda s: s.level == ERROR, 'an error')
    assert 'broken.onnx' in status.message
    assert node.is_alive
    assert peer.set_parameter('model', str(models / 'rgb.onnx')).successful
    peer.wait_for(lambda: peer.state() == 'active', 'the node to come up')
    masks = peer.collect(f'{NODE}/mask')
    peer.wait_for(lambda: camera.publish(noise()) and masks, 'a mask')
    peer.wait_for_diagnostic(lambda s: s.level == OK, 'the error to end')


def test_engine_that_fails_on_a_frame_is_an_error_until_a_frame_goes_well(
    peer, camera, tmp_path, start_node, connect
):
    model = brightest_channel(tmp_path / 'fragile.onnx', fails_above=200)
    node = start_node(model=model, engine='onnxruntime')
    masks = connect('mask')
    peer.watch_diagnostics()
    camera.publish(np.full((48, 64, 3), 250, np.uint8))
    # The frame is counted a moment after the engine's failure is known.
    status = peer.wait_for_diagnostic(
        lambda s: s.level == ERROR and values_of(s)['dropped: failed'] == '1', 'an error'
    )
    assert 'engine failed' in status.message
    assert 'fragile.onnx' in values_of(status)['last error']
    number = camera.publish(np.full((48, 64, 3), 150, np.uint8))
    peer.wait_for(lambda: masks, 'a mask of the next frame')
    assert [number_of(mask) for mask in masks] == [number]
    peer.wait_for_diagnostic(lambda s: s.level == OK, 'the error to end')
    assert 'Traceback' not in node.output


def test_counts_rates_and_stages_are_told(peer, camera, models, start_node, connect):
    start_node(engine='onnxruntime')
    masks = connect('mask')
    peer.watch_diagnostics()
    for seed in range(10):
        camera.publish(noise(seed=seed))
        peer.wait_for(lambda n=seed + 1: len(masks) == n, 'a mask')
    status = peer.wait_for_diagnostic(
        lambda s: values_of(s)['frames segmented'] == '10', 'ten segmented frames'
    )
    values = values_of(status)
    assert status.level == OK
    assert values['frames received'] == '10'
    assert values['frames dropped'] == '0'
    assert (values['engine'], values['device']) == ('onnxruntime', 'cpu')
    assert values['model'] == str(models / 'rgb.onnx')
    assert float(values['input rate (Hz)']) > 0
    assert float(values['output rate (Hz)']) > 0
    for stage in (*STAGES, 'total', 'overhead'):
        p50, p95, largest = (float(values[f'{stage} {k} (ms)']) for k in ('p50', 'p95', 'max'))
        assert 0 <= p50 <= p95 <= largest
    total = float(values['total p50 (ms)'])
    assert total >= float(values['infer p50 (ms)'])


def test_a_shorter_period_counts_at_once(peer, start_node):
    start_node(diagnostics_period_s=60.0)
    peer.watch_diagnostics()
    assert peer.set_parameter('diagnostics_period_s', 0.2).successful
    # Else it would be a minute after the start.
    peer.wait_for(lambda: peer.diagnostics, 'a message', patience_s=30)


def test_a_camera_that_did_not_fit_is_forgotten_once_it_has_gone(peer, start_node):
    start_node(qos__image__reliability='reliable')
    masks = peer.collect(f'{NODE}/mask')
    peer.watch_diagnostics()
    # Without a compressed form, for which the node would subscribe anew.
    wrong = peer.node.create_publisher(Image, 'image', qos(False, 5))
    peer.wait_for_diagnostic(lambda s: 'QoS mismatch' in s.message, 'the mismatch')
    peer.node.destroy_publisher(wrong)
    peer.wait_for_diagnostic(lambda s: 'nobody publishes' in s.message, 'no camera to be seen')
    fitting = peer.node.create_publisher(Image, 'image', qos(True, 5))
    peer.wait_for(fitting.get_subscription_count, 'the node to hear it')

    def is_well() -> bool:
        fitting.publish(new_image(48, 64, 'rgb8'))
        peer.spin_for(0.1)
        return bool(masks) and peer.diagnostics[-1].level == OK

    peer.wait_for(is_well, 'masks without a warning')
