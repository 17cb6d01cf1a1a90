# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where no image comes, log and diagnostics name what there is instead."""

from diagnostic_msgs.msg import DiagnosticStatus
from ros_peer import Camera, NODE, noise, qos
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String


def warning_of(peer, node) -> str:
    """Return the line of the log, which the diagnostics have too."""
    peer.watch_diagnostics()
    peer.wait_for(lambda: 'no image for ' in node.output, 'a warning in the log')
    (line,) = [line for line in node.output.splitlines() if 'no image for ' in line]
    assert 'WARN' in line
    warning = line.partition(' s: ')[2]
    status = peer.wait_for_diagnostic(lambda s: s.message == warning, 'the same in diagnostics')
    assert status.level == DiagnosticStatus.WARN
    return warning


def test_nearest_topics_come_first(peer, start_node):
    for topic in ('/rear/depth', '/front/image_raw', '/frnt/image'):
        peer.node.create_publisher(Image, topic, qos(True, 1))
    node = start_node('-r', 'image:=/front/image', lazy=False)
    warning = warning_of(peer, node)
    assert warning.startswith('no camera: nobody publishes /front/image; 0 publishers; ')
    topics = warning.partition('image topics now: ')[2].partition(';')[0].split(', ')
    ours = [
        topic for topic in topics if topic in ('/rear/depth', '/front/image_raw', '/frnt/image')
    ]
    assert ours == ['/frnt/image', '/front/image_raw', '/rear/depth']
    assert NODE not in warning


def test_only_the_compressed_form_exists(peer, start_node):
    peer.node.create_publisher(CompressedImage, '/front/image/compressed', qos(True, 1))
    node = start_node('-r', 'image:=/front/image', image_transport='raw')
    expected = (
        'only the compressed form /front/image/compressed exists: image_transport:=compressed'
    )
    assert expected in warning_of(peer, node)


def test_another_type_is_named(peer, start_node):
    peer.node.create_publisher(String, '/front/image', qos(True, 1))
    node = start_node('-r', 'image:=/front/image')
    expected = '1 publisher, of std_msgs/String where sensor_msgs/Image is expected'
    assert expected in warning_of(peer, node)


def test_qos_mismatch_is_in_the_line(peer, start_node):
    Camera(peer, reliable=False)
    node = start_node(qos__image__reliability='reliable')
    warning = warning_of(peer, node)
    assert 'QoS mismatch on /image' in warning
    assert 'reliable is asked for and not offered' in warning


def test_images_end_the_warning(peer, camera, start_node, connect):
    node = start_node()
    masks = connect('mask')
    assert '; 1 publisher' in warning_of(peer, node)
    camera.publish(noise())
    peer.wait_for(lambda: masks, 'a mask')
    peer.wait_for_diagnostic(lambda s: s.level == DiagnosticStatus.OK, 'the warning to end')
