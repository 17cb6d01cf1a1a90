# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Peers name files of the allowed folders alone, and read nothing in a refusal."""

from ros_peer import NODE
from std_srvs.srv import Trigger


def test_peer_stays_in_the_allowed_folders(peer, camera, models, start_node, tmp_path):
    secret = tmp_path / 'secret.yaml'
    secret.write_text('classes:\n  - {name: password, color: hunter2}\n  - hunter3\n')
    (tmp_path / 'snapshots').mkdir()
    node = start_node(allowed_folders=f"['{models}', '{tmp_path / 'snapshots'}']")
    for name, value in (
        ('model', secret),
        ('model', tmp_path / 'nothing.onnx'),
        ('labels', secret),
        ('ignore_mask', secret),
        ('ignore_mask', tmp_path / 'nothing.png'),
        ('snapshot.folder', tmp_path),
        ('snapshot.folder', '~'),
    ):
        refused = peer.set_parameter(name, str(value))
        assert not refused.successful
        assert 'outside of allowed_folders' in refused.reason
    assert not peer.set_parameter('allowed_folders', ['/']).successful
    assert peer.set_parameter('model', str(models / 'bgr.onnx')).successful
    assert peer.set_parameter('snapshot.folder', str(tmp_path / 'snapshots')).successful
    assert peer.set_parameter('model', '').successful  # the packaged one
    assert peer.state() == 'active'
    assert 'hunter' not in node.output


def test_refusal_holds_nothing_of_the_file(peer, start_node, tmp_path):
    node = start_node()
    for number, text in enumerate(
        (
            'classes:\n  - {name: a, color: hunter2}\n',
            'classes:\n  - hunter2\n',
            'classes: hunter2\n',
            'hunter2: &a 1\nb: *a\n',
            'hunter2: 1\nhunter2: 2\n',
            'password: "hunter2\n',
            'hunter2',
        )
    ):
        path = tmp_path / f'{number}.yaml'
        path.write_text(text)
        refused = peer.set_parameter('labels', str(path))
        assert not refused.successful
        assert path.name in refused.reason
        assert 'hunter2' not in refused.reason
    assert 'hunter2' not in node.output


def test_start_outside_is_an_error_that_says_so(peer, start_node, tmp_path):
    node = start_node(wait='', allowed_folders=f"['{tmp_path}']")
    peer.wait_for(lambda: 'outside of allowed_folders' in node.output, 'the reason')
    assert 'Traceback' not in node.output
    assert peer.call(Trigger, f'{NODE}/snapshot', Trigger.Request()).success is False
