# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Who may ask the web page's server for what."""

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.web.access import Access
from rtformer_ros.ros.web.settings import WebSettings

TOKEN = '0123456789abcdef'
JSON = {'Content-Type': 'application/json'}


def settings(**changes):
    values = {
        'node': '/segmentation_node', 'address': '127.0.0.1', 'port': 8080, 'token': '',
        'picture_width': 960, 'jpeg_quality': 80,
    }  # fmt: skip
    return WebSettings(**{**values, **changes})


def status(access, headers, cookie='', *, is_change=False):
    refusal = access.refusal(headers, cookie, is_change=is_change)
    return refusal[0] if refusal else 200


@pytest.mark.parametrize(
    ('host', 'expected'),
    [
        ('127.0.0.1:8080', 200), ('localhost:9000', 200), ('[::1]:8080', 200), ('127.9.9.9', 200),
        ('robot.local:8080', 403), ('127.0.0.1.evil.com', 403), ('localhost.evil.com', 403),
        ('192.168.1.5:8080', 403), ('', 403), ('evil.com@127.0.0.1@x', 403), ('[::1', 403),
    ],
)  # fmt: skip
def test_without_a_token_only_this_machine_is_a_host(host, expected):
    assert status(Access.of(settings()), {'Host': host}) == expected


@pytest.mark.parametrize(
    ('headers', 'expected'),
    [
        ({}, 200),
        ({'Origin': 'http://127.0.0.1:8080'}, 200),
        ({'Origin': 'http://127.0.0.1:9'}, 403),
        ({'Origin': 'https://evil.com'}, 403),
        ({'Origin': 'null'}, 403),
        ({'Origin': 'http://['}, 403),
        ({'Sec-Fetch-Site': 'same-origin'}, 200),
        ({'Sec-Fetch-Site': 'cross-site'}, 403),
    ],
)
def test_pages_of_other_sites_are_refused(headers, expected):
    access, own = Access.of(settings()), {'Host': '127.0.0.1:8080'}
    assert status(access, {**own, **JSON, **headers}, is_change=True) == expected
    assert status(access, {**own, **headers}) == expected


def test_a_change_is_json_which_forms_cannot_send():
    access, own = Access.of(settings()), {'Host': 'localhost'}
    assert status(access, own, is_change=True) == 415
    kind = 'application/x-www-form-urlencoded'
    assert status(access, {**own, 'Content-Type': kind}, is_change=True) == 415
    assert status(access, {**own, **JSON}, is_change=True) == 200


def test_a_token_is_asked_for_whatever_the_host():
    access = Access.of(settings(token=TOKEN))
    for host in ('127.0.0.1:8080', 'robot.local'):
        assert status(access, {'Host': host}) == 401
        assert status(access, {'Host': host}, TOKEN[:-1]) == 401
        assert status(access, {'Host': host}, 'ü') == 401
        assert status(access, {'Host': host}, TOKEN) == 200
        assert status(access, {'Host': host, 'Authorization': f'Bearer {TOKEN}'}) == 200
        assert status(access, {'Host': host, 'Authorization': 'Bearer x'}, TOKEN) == 401


def test_other_addresses_get_a_token_that_nobody_knows():
    tokens = {Access.of(settings(address=each)).token for each in ('0.0.0.0', '::', '10.0.0.1')}
    assert len(tokens) == 3
    assert all(len(token) == 32 for token in tokens)
    assert Access.of(settings(address='::1')).token == ''


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'token': 'short'}, 'at least 16'),
        ({'token': 'with a space in it all'}, 'letters and digits'),
        ({'address': 'localhost'}, "'127.0.0.1'"),
        ({'node': 'segmentation_node'}, "as '/segmentation_node'"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_is_expected(changes, words):
    with pytest.raises(ConfigError, match=words):
        settings(**changes)
