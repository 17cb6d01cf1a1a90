# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What peers write reaches log and diagnostics short, escaped, and not at each other's cost."""

from rtformer_ros.ros.input.image_messages import new_image

LONG = 'rgb\x1b[31m8\n' + 'x' * 1_000_000


def image_of(encoding='rgb8', step=None):
    message = new_image(4, 4, 'rgb8')
    message.encoding = encoding
    message.header.frame_id = LONG
    if step is not None:
        message.step = step
    return message


def test_text_of_a_peer_is_short_and_two_causes_are_both_told(peer, camera, start_node, connect):
    node = start_node()
    connect('mask')
    peer.watch_diagnostics()
    is_told = ['is not supported', 'has a step of 1 bytes']

    def both_are_told():
        camera.images.publish(image_of(LONG))
        camera.images.publish(image_of(step=1))
        peer.spin_for(0.05)
        return all(text in node.output for text in is_told)

    # Both within the first period, though they take turns.
    peer.wait_for(both_are_told, 'both causes in the log')

    def is_shown():
        # Only the report after a drop has it; that of the first may be gone.
        both_are_told()
        return next((s for s in peer.diagnostics if 'dropped' in s.message), None)

    status = peer.wait_for(is_shown, 'the diagnostics')
    for pair in status.values:
        assert len(pair.value) < 1000, pair.key
    lines = [line for line in node.output.splitlines() if 'dropped a frame' in line]
    assert max(map(len, lines)) < 700
    assert len(lines) < 30
    assert '\x1b[31m8' not in node.output
    assert '\\x1b' in node.output
