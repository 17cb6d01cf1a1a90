# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Files arrive whole or not at all, whatever the server does."""

import hashlib
import os
import random
import socket
import threading
import urllib.request

from http_files import CERTIFICATE, FileServer
import pytest
from rtformer_ros.errors import ConfigError, DownloadError
from rtformer_ros.files.http.download import download, Patience
from rtformer_ros.files.http.line import Redirects
from rtformer_ros.tools.download import main

CONTENT = random.Random(3).randbytes(700_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REDIRECTS = Redirects()
ONCE = Patience(attempts=1, timeout_s=5, pause_s=0)
THRICE = Patience(attempts=3, timeout_s=5, pause_s=0)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with FileServer(CONTENT) as running:
        yield running


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupted(server, target, kept=300_000):
    """Leave the first bytes of a download beside its target, as a broken line does."""
    server.cuts = [kept]
    with pytest.raises(
        DownloadError, match=rf'ended after {kept} of 700000 bytes; gave up after 1'
    ):
        download(server.url, target, patience=ONCE)
    assert files(target.parent) == [f'{target.name}.part', f'{target.name}.part.json']
    assert target.with_name(f'{target.name}.part').read_bytes() == CONTENT[:kept]


@pytest.mark.parametrize('digest', [None, SHA256, SHA256.upper()])
def test_a_file_is_fetched_with_progress(server, tmp_path, digest):
    seen = []
    target = tmp_path / 'new folder' / 'weights.bin'
    download(server.url, target, sha256=digest, progress=lambda *state: seen.append(state))
    assert target.read_bytes() == CONTENT
    assert files(target.parent) == ['weights.bin']
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ('etag', 'last_modified', 'condition'),
    [
        ('"one"', None, '"one"'),
        (None, 'Sat, 21 Nov 2026 09:00:00 GMT', 'Sat, 21 Nov 2026 09:00:00 GMT'),
        ('W/"weak"', 'Sat, 21 Nov 2026 09:00:00 GMT', 'Sat, 21 Nov 2026 09:00:00 GMT'),
    ],
)
def test_a_later_call_goes_on(server, tmp_path, etag, last_modified, condition):
    server.etag, server.last_modified = etag, last_modified
    target = tmp_path / 'weights.bin'
    interrupted(server, target)
    seen = []
    download(server.url, target, sha256=SHA256, progress=lambda done, _: seen.append(done))
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, 'bytes=300000-']
    assert server.conditions == [None, condition]
    assert seen[0] == 300_000
    assert files(tmp_path) == ['weights.bin']


@pytest.mark.parametrize('repeats_etag', [True, False])
def test_one_call_goes_on_by_itself(server, tmp_path, repeats_etag):
    server.repeats_etag = repeats_etag
    server.cuts, server.statuses = [100_000, 200_000], [503]
    patience = Patience(attempts=4, timeout_s=5, pause_s=0)
    download(server.url, tmp_path / 'weights.bin', patience=patience)
    assert (tmp_path / 'weights.bin').read_bytes() == CONTENT
    assert server.ranges == [None, None, 'bytes=100000-', 'bytes=300000-']


@pytest.mark.parametrize(
    'change',
    [
        {'knows_ranges': False},
        {'content': CONTENT[::-1], 'etag': '"two"'},
        # Servers that answer with a part of whatever is there now.
        {'content': CONTENT[::-1], 'etag': '"two"', 'heeds_if_range': False},
        {'content': CONTENT + b'more', 'etag': None, 'heeds_if_range': False},
        {'content': CONTENT[:1000], 'etag': None, 'heeds_if_range': False},
    ],
)
def test_it_starts_over_where_it_cannot_go_on(server, tmp_path, change):
    target = tmp_path / 'weights.bin'
    interrupted(server, target)
    for name, value in change.items():
        setattr(server, name, value)
    download(server.url, target, patience=THRICE)
    assert target.read_bytes() == server.content
    assert server.ranges[1] == 'bytes=300000-'
    assert files(tmp_path) == ['weights.bin']


@pytest.mark.parametrize('etag', [None, 'W/"weak"'])
def test_it_does_not_ask_to_go_on_where_versions_cannot_be_told_apart(server, tmp_path, etag):
    server.etag = etag
    interrupted(server, tmp_path / 'weights.bin')
    download(server.url, tmp_path / 'weights.bin', patience=ONCE)
    assert (tmp_path / 'weights.bin').read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_bytes_of_another_url_are_not_gone_on_with(server, tmp_path):
    interrupted(server, tmp_path / 'weights.bin')
    download(f'{server.url}&other=1', tmp_path / 'weights.bin', patience=ONCE)
    assert server.ranges == [None, None]
    assert (tmp_path / 'weights.bin').read_bytes() == CONTENT


@pytest.mark.parametrize('description', [None, '{', '[]', '{"url": 1, "more": 2}'])
def test_bytes_of_unknown_origin_are_not_gone_on_with(server, tmp_path, description):
    (tmp_path / 'weights.bin.part').write_bytes(b'something else')
    if description is not None:
        (tmp_path / 'weights.bin.part.json').write_text(description)
    download(server.url, tmp_path / 'weights.bin', patience=ONCE)
    assert server.ranges == [None]
    assert (tmp_path / 'weights.bin').read_bytes() == CONTENT


def test_a_download_that_only_lacked_its_name_gets_it(server, tmp_path):
    interrupted(server, tmp_path / 'weights.bin')
    with (tmp_path / 'weights.bin.part').open('ab') as file:
        file.write(CONTENT[300_000:])
    download(server.url, tmp_path / 'weights.bin', sha256=SHA256, patience=ONCE)
    assert server.ranges == [None, 'bytes=700000-']
    assert files(tmp_path) == ['weights.bin']


def test_a_wrong_digest_leaves_nothing_and_an_older_file_as_it_was(server, tmp_path):
    target = tmp_path / 'weights.bin'
    target.write_bytes(b'older')
    with pytest.raises(DownloadError, match=rf'has the sha256 {SHA256}; expected {"0" * 64}'):
        download(server.url, target, sha256='0' * 64, patience=ONCE)
    assert target.read_bytes() == b'older'
    assert files(tmp_path) == ['weights.bin']


def test_a_file_that_is_there_is_not_fetched_again_if_its_digest_is_known(server, tmp_path):
    target = tmp_path / 'weights.bin'
    target.write_bytes(CONTENT)
    download(server.url, target, sha256=SHA256)
    assert server.ranges == []
    server.content = b'newer'
    download(server.url, target)
    assert target.read_bytes() == b'newer'


@pytest.mark.parametrize(('status', 'requests'), [(404, 1), (403, 1), (500, 3), (429, 3)])
def test_refusals_are_told_and_passing_ones_tried_again(server, tmp_path, status, requests):
    server.statuses = [status] * 9
    with pytest.raises(
        DownloadError, match=rf'{server.server_port}/files.*: the server answers {status}'
    ):
        download(server.url, tmp_path / 'weights.bin', patience=THRICE)
    assert len(server.ranges) == requests
    assert files(tmp_path) == []


def test_chunks_and_bodies_without_a_length_are_taken(server, tmp_path):
    server.is_chunked = True
    server.cuts = [5000]
    download(server.url, tmp_path / 'chunked', patience=THRICE)
    assert (tmp_path / 'chunked').read_bytes() == CONTENT
    assert len(server.ranges) == 2
    server.is_chunked, server.tells_length = False, False
    totals = set()
    download(server.url, tmp_path / 'plain', progress=lambda _, total: totals.add(total))
    assert (tmp_path / 'plain').read_bytes() == CONTENT
    assert totals == {None}


def test_an_empty_file_is_a_file(server, tmp_path):
    server.content = b''
    download(server.url, tmp_path / 'empty', patience=ONCE)
    assert (tmp_path / 'empty').read_bytes() == b''


def test_a_server_that_is_silent_or_not_there_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with socket.create_server(('127.0.0.1', 0)) as silent:
        url = f'http://127.0.0.1:{silent.getsockname()[1]}/file'
        with pytest.raises(DownloadError, match=r'timed out; gave up after 2 attempts'):
            download(url, tmp_path / 'file', patience=Patience(2, timeout_s=0.1, pause_s=0))
    with pytest.raises(DownloadError, match=r'refused; gave up after 1 attempts'):
        download(url, tmp_path / 'file', patience=ONCE)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ('location', 'message'),
    [
        ('file:///etc/passwd', "302 .*'file:///etc/passwd' is not allowed"),
        (
            'ftp://127.0.0.1/weights.bin',
            r"redirects to 'ftp://127.*', which is no http or https URL",
        ),
        ('data:text/plain,abc', '302 .* is not allowed'),
    ],
)
def test_a_redirect_to_another_scheme_is_not_followed(server, tmp_path, location, message):
    server.location = location
    with pytest.raises(DownloadError, match=message):
        download(server.url, tmp_path / 'weights.bin', patience=ONCE)
    assert files(tmp_path) == []


def test_a_redirect_to_another_place_is_followed(server, tmp_path):
    with FileServer(b'') as first:
        first.location = server.url
        download(first.url, tmp_path / 'weights.bin', sha256=SHA256, patience=ONCE)
    assert files(tmp_path) == ['weights.bin']
    server.location = server.url
    with pytest.raises(DownloadError, match='302'):
        download(server.url, tmp_path / 'round', patience=ONCE)


@pytest.mark.parametrize('to', ['http', 'ftp', 'file'])
def test_a_redirect_never_leaves_tls(to):
    request = urllib.request.Request('https://host/file')
    with pytest.raises(DownloadError, match='which is no https URL'):
        REDIRECTS.redirect_request(request, None, 302, 'Found', {}, f'{to}://host/file')


def test_a_file_that_is_larger_than_allowed_is_not_fetched(server, tmp_path):
    few = Patience(attempts=3, timeout_s=5, most_bytes=len(CONTENT) - 1)
    with pytest.raises(DownloadError, match='has 700000 bytes or more; at most 699999'):
        download(server.url, tmp_path / 'weights.bin', patience=few)
    enough = Patience(attempts=1, timeout_s=5, most_bytes=len(CONTENT))
    download(server.url, tmp_path / 'weights.bin', patience=enough)
    assert (tmp_path / 'weights.bin').read_bytes() == CONTENT


@pytest.mark.parametrize('is_chunked', [True, False])
def test_an_endless_body_is_cut_off_and_thrown_away(server, tmp_path, is_chunked):
    server.is_endless, server.is_chunked, server.tells_length = True, is_chunked, False
    few = Patience(attempts=3, timeout_s=5, most_bytes=3_000_000)
    with pytest.raises(DownloadError, match='bytes or more; at most 3000000'):
        download(server.url, tmp_path / 'weights.bin', patience=few)
    assert len(server.ranges) == 1
    assert files(tmp_path) == []


def test_a_drip_is_no_download(server, tmp_path):
    server.drip_s = 0.02
    patience = Patience(attempts=2, timeout_s=0.5, pause_s=0, least_bytes_per_s=1000)
    with pytest.raises(
        DownloadError, match=r'only \d+(\.\d+)? bytes a second come; gave up after 2'
    ):
        download(server.url, tmp_path / 'weights.bin', patience=patience)
    # The second request goes on where the first has ended.
    assert server.ranges[1].startswith('bytes=')


@pytest.mark.parametrize('tells_length', [True, False])
def test_all_attempts_together_have_a_limit(server, tmp_path, tells_length):
    server.drip_s, server.tells_length = 0.02, tells_length
    patience = Patience(attempts=3, timeout_s=30, total_s=0.5, least_bytes_per_s=0)
    with pytest.raises(DownloadError, match=r'not done after 0\.5 s\. \d+ bytes are kept'):
        download(server.url, tmp_path / 'weights.bin', patience=patience)
    assert len(server.ranges) == 1


def test_tls_is_checked_and_can_be_cut(server, tmp_path, monkeypatch):
    server.use_tls()
    with pytest.raises(DownloadError, match='the server is not trusted'):
        download(server.url, tmp_path / 'weights.bin', patience=THRICE)
    monkeypatch.setenv('SSL_CERT_FILE', str(CERTIFICATE))
    download(server.url, tmp_path / 'weights.bin', sha256=SHA256, patience=ONCE)
    server.drip_s = 0.02
    patience = Patience(attempts=3, timeout_s=30, total_s=0.5, least_bytes_per_s=0)
    with pytest.raises(DownloadError, match=r'not done after 0\.5 s'):
        download(server.url, tmp_path / 'other.bin', patience=patience)


def test_an_answer_that_never_begins_is_given_up(server, tmp_path):
    server.drips_head, server.drip_s = True, 0.05
    patience = Patience(attempts=2, timeout_s=0.3, pause_s=0)
    with pytest.raises(DownloadError, match=r'no whole answer within 0\.6 s; gave up after 2'):
        download(server.url, tmp_path / 'weights.bin', patience=patience)
    assert files(tmp_path) == []


def test_two_at_once_do_not_mix(server, tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def hold(*_):
        entered.set()
        leave.wait(10)

    first = threading.Thread(
        target=download, args=(server.url, tmp_path / 'f'), kwargs={'progress': hold}
    )
    first.start()
    assert entered.wait(10)
    with pytest.raises(ConfigError, match='another process is fetching'):
        download(server.url, tmp_path / 'f')
    leave.set()
    first.join()
    assert (tmp_path / 'f').read_bytes() == CONTENT


@pytest.mark.parametrize(
    'url',
    [
        'file:///etc/passwd',
        'ftp://host/file',
        'host/file',
        'http://',
        'http://host/a b',
        'http://[1/',
        'http://host:port/file',
        'http://host/weißbrot',
    ],
)
def test_what_is_no_url_is_refused(tmp_path, url):
    with pytest.raises(ConfigError, match='no URL that can be fetched'):
        download(url, tmp_path / 'file')
    assert files(tmp_path) == []


def test_a_digest_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="sha256 is 'abc'; expected 64"):
        download('http://127.0.0.1/file', tmp_path / 'file', sha256='abc')


def test_a_place_that_cannot_be_written_is_told(server, tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(DownloadError, match='choose a writable place'):
        download(server.url, tmp_path / 'file' / 'below', patience=ONCE)
    (tmp_path / 'folder').mkdir()
    with pytest.raises(DownloadError, match='choose a writable place'):
        download(server.url, tmp_path / 'folder', patience=ONCE)


def test_the_command_line(server, tmp_path, capsys):
    assert main([server.url, str(tmp_path), '--sha256', SHA256]) == 0
    assert (tmp_path / 'weights.bin').read_bytes() == CONTENT
    output = capsys.readouterr()
    assert 'weights.bin: 700000 bytes' in output.out
    assert '100%' in output.err
    assert main([server.url, str(tmp_path / 'other'), '--sha256', '0' * 64]) == 1
    assert main(['http://127.0.0.1/', str(tmp_path)]) == 1
    assert main([server.url, str(tmp_path / 'other'), '--max-mib', '0.5']) == 1
    errors = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith('download:')
    ]
    assert ['expected ' + '0' * 64 in errors[0], 'names no file' in errors[1]] == [True, True]
    assert files(tmp_path) == ['weights.bin']


@pytest.mark.parametrize('limit', [('mib', 'nan'), ('mib', '-1'), ('seconds', 'inf')])
def test_limits_that_are_none_are_refused(server, limit, tmp_path, capsys):
    name, value = limit
    assert main([server.url, str(tmp_path / 'other'), f'--max-{name}', value]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line == f'download: --max-{name} is {value}; expected a number above 0'
    assert files(tmp_path) == []


def test_the_file_has_the_usual_rights(server, tmp_path):
    mask = os.umask(0o022)
    try:
        download(server.url, tmp_path / 'file')
    finally:
        os.umask(mask)
    assert (tmp_path / 'file').stat().st_mode & 0o777 == 0o644
