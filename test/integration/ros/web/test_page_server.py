# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The server of the web page: hostile requests, tokens, ends; what it makes the node do."""

import json
import signal
import socket

import cv2
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
import numpy as np
import pytest
from ros_peer import NODE

TOKEN = 'abcdefghijklmnop0123'


def test_hostile_requests_get_nothing_and_end_nothing(start_page):
    page = start_page()
    status, headers, body = page.ask()
    assert (status, headers['X-Content-Type-Options']) == (200, 'nosniff')
    assert b'<canvas id="picture"' in body
    assert "default-src 'none'" in headers['Content-Security-Policy']
    for path in (
        '/../setup.py', '/..%2f..%2fsetup.py', '/page/index.html', '/%2e%2e/%2e%2e/etc/passwd',
        '//etc/passwd', '/index.html', '/style.css/..', '/style.css%00.html', '/api', '/api/',
    ):  # fmt: skip
        assert page.ask(path=path)[0] == 404, path
    assert page.ask(Host='evil.example:8080')[0] == 403
    status, headers, _ = page.ask(Origin='http://[')
    assert (status, headers['X-Content-Type-Options']) == (403, 'nosniff')
    change = {'name': 'overlay_alpha', 'value': 0.5}
    assert page.ask('POST', '/api/parameter', change, Origin='http://evil.example')[0] == 403
    assert page.ask('POST', '/api/parameter', b'x' * 100_000)[0] == 413
    assert page.ask(path=f'/?{"x" * 100_000}')[0] in (400, 414)
    for body in (b'', b'[]', b'{', b'[' * 60_000, b'\xff\xfe', b'{"name": 1}'):
        assert page.ask('POST', '/api/parameter', body)[0] == 422, body[:20]
    assert page.ask('POST', '/api/parameter', change, Content_Type='text/plain')[0] == 415
    assert page.ask('PUT', '/api/parameter', change)[0] == 405
    for path in ('/api/picture?view=../x', '/api/picture?camera=/x/y', '/api/pixel?x=nan&y=2'):
        assert page.ask(path=path)[0] == 422, path
    with socket.create_connection(('127.0.0.1', page.port)) as connection:
        connection.sendall(b'\x16\x03\x01\x00\xff nonsense\r\n\r\n')
        assert b'400' in connection.recv(1000)
    # A node that is not there is told of, and all goes on.
    status, _, body = page.ask('POST', '/api/parameter', change)
    assert status == 503
    assert f'{NODE} is not running' in json.loads(body)['error']
    assert page.values('/api/state')['is_there'] is False
    assert page.child.interrupt() == 0
    assert 'Traceback' not in page.child.output


def test_a_camera_of_no_name_that_somebody_tells_of_is_refused(start_page, peer):
    page = start_page()
    diagnostics = peer.node.create_publisher(DiagnosticArray, '/diagnostics', 10)
    cameras = [KeyValue(key='cameras', value='left eye')]
    status = DiagnosticStatus(name=f'{NODE[1:]}: segmentation', values=cameras)

    def is_refused() -> bool:
        diagnostics.publish(DiagnosticArray(status=[status]))
        peer.spin_for(0.2)
        answer, _, body = page.ask(path='/api/state')
        return answer == 422 and b'left eye/labels' in body

    peer.wait_for(is_refused, 'the refusal')
    # Longer than from one look at the subscriptions to the next.
    peer.spin_for(1.5)
    assert 'Traceback' not in page.child.output


def test_a_token_opens_the_page_and_nothing_else_does(start_page):
    page = start_page(token=TOKEN)
    assert page.url.endswith(f'/?token={TOKEN}')
    for path in ('/', '/style.css', '/api/state', '/?token=wrong', f'/api/state?token={TOKEN}'):
        assert page.ask(path=path)[0] == 401, path
    status, headers, _ = page.ask(path=f'/?token={TOKEN}')
    assert (status, headers['Location']) == (303, '/')
    cookie = headers['Set-Cookie']
    assert 'HttpOnly' in cookie
    assert 'SameSite=Strict' in cookie
    assert page.ask(Cookie=cookie.split(';')[0], Host='robot.example')[0] == 200
    assert page.ask(path='/api/state', Authorization=f'Bearer {TOKEN}')[0] == 200


def test_all_networks_are_served_only_with_a_token_that_it_makes(start_page):
    page = start_page(address='0.0.0.0')
    token = page.url.partition('?token=')[2]
    assert len(token) == 32
    assert page.ask()[0] == 401
    assert page.ask(Authorization=f'Bearer {token}')[0] == 200


def test_a_port_that_is_taken_is_told(start_page, start_child):
    page = start_page()
    program = page.child.process.args[:-1]
    second = start_child([*program, f'port:={page.port}'])
    assert second.process.wait(60) == 1
    assert f'cannot serve on 127.0.0.1 port {page.port}' in second.output
    assert '0 for any that is free' in second.output
    page.child.process.send_signal(signal.SIGTERM)
    assert page.child.process.wait(60) == 0


def test_pictures_and_classes_come_while_somebody_asks_and_the_node_rests_after(
    peer, start_node, start_page, moving_camera
):
    start_node(overlay_alpha=1.0)
    page = start_page()
    for _ in range(3):
        status, headers, jpeg = page.ask(path='/api/picture?view=mask')
        if status == 200:
            break
    assert headers['Content-Type'] == 'image/jpeg'
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (48, 64, 3)
    first = headers['X-Sequence']
    status, headers, _ = page.ask(path=f'/api/picture?view=mask&after={first}')
    assert (status, headers['X-Sequence'] != first) == (200, True)
    state = page.wait_for(
        lambda: (s := page.values('/api/state'))['shares'] and s['statuses'] and s['labels'] and s,
        'shares, statuses and labels',
    )
    assert [row['name'] for row in state['labels']['classes']][:3] == ['red', 'green', 'blue']
    assert sum(state['shares'].values()) == pytest.approx(1, abs=1e-4)
    assert state['statuses'][0]['name'] == 'segmentation'
    found = page.wait_for(
        lambda: (p := page.values('/api/pixel?x=0.5&y=0.5'))['confidence'] is not None and p,
        'class and confidence of a pixel',
    )
    assert found['name'] in ('red', 'green', 'blue')
    peer.wait_for(
        lambda: not peer.node.count_subscribers('/image'), 'the node to rest', patience_s=60
    )
    assert page.child.process.poll() is None
    for wrong in (float('nan'), '\ud800', 'a\0b', 10**30, [], None, True):
        body = {'name': 'overlay_alpha', 'value': wrong}
        assert page.ask('POST', '/api/parameter', body)[0] == 422
    assert peer.get_parameter('overlay_alpha') == 1.0
