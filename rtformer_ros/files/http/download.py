# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Resumable HTTP download: a broken line costs no more than the bytes that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
import http.client
from pathlib import Path
import re
import ssl
import time
from typing import IO
import urllib.error
from urllib.parse import urlsplit
import urllib.request

from rtformer_ros.errors import ConfigError, DigestError, DownloadError
from rtformer_ros.files.file_lock import take_lock
from rtformer_ros.files.http.line import HttpLine
from rtformer_ros.files.http.partial_download import PartialDownload, Version
from rtformer_ros.files.sha256 import sha256_of

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and those of the whole file, None where it is not known."""

_CHUNK_BYTES = 1 << 16
_SHA256 = re.compile(r'[0-9a-f]{64}')
_CONTENT_RANGE = re.compile(r'bytes (?:(\d+)-\d+|\*)/(\d+|\*)')
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_NOT_SATISFIABLE = 416
_LONGEST_PAUSE_S = 30.0
# Not all of OSError: a full disk is no failure of the line.
_LINE_FAILURES = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


@dataclass(frozen=True)
class Patience:
    """
    How long to go on trying, and how much to take.

    attempts: requests in all; timeout_s: without a byte, after which a request has failed, half of
    what an answer may take to begin; pause_s: before the second attempt, doubled for each further
    one. total_s: for all attempts together. least_bytes_per_s: of the mean over each timeout_s, or
    the request has failed. most_bytes: of the file.
    """

    attempts: int = 6
    timeout_s: float = 30.0
    pause_s: float = 1.0
    total_s: float = 4 * 3600.0
    least_bytes_per_s: float = 1000.0
    most_bytes: int = 1 << 32


class _PassingFailure(Exception):
    """Stand for a failure that may not come again."""


class _TooLarge(Exception):
    """Stand for a file of which nothing is to be kept."""


@dataclass(frozen=True)
class _Transfer:
    """What to fetch, where to, and until when (of time.monotonic)."""

    url: str
    partial: PartialDownload
    progress: Progress
    patience: Patience
    end_s: float

    @property
    def left_s(self) -> float:
        return self.end_s - time.monotonic()

    def out_of_time(self) -> DownloadError:
        return DownloadError(
            f'cannot fetch {self.url}: not done after {self.patience.total_s:g} s. '
            f'{self.partial.size} bytes are kept in {self.partial.content}: run it again to go on'
        )

    def check_size(self, count: int) -> None:
        """Raise _TooLarge where more bytes come than are wanted."""
        if count > self.patience.most_bytes:
            raise _TooLarge(
                f'{self.url} has {count} bytes or more; at most {self.patience.most_bytes} are '
                'fetched. Check the URL, or allow more'
            )


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    progress: Progress = lambda done, total: None,
    patience: Patience = Patience(),
) -> None:
    """
    Fetch `url` (http, https) to the file `target`, which appears whole or not at all.

    What has come is kept beside it (.part), and a later call goes on from there if the server can
    and says by ETag or Last-Modified that the file is still the same; else it starts over.
    sha256: 64 hexadecimal digits that the file must have; a file that is there and has them is
    not fetched again. Raises ConfigError for a URL or a digest that cannot be, and while another
    process fetches the same file; DownloadError where the file cannot be had, written or trusted;
    ModelError where it cannot be read back.
    """
    wanted = _checked_digest(sha256)
    _check_url(url)
    if wanted and target.is_file() and sha256_of(target) == wanted:
        return
    partial = PartialDownload(target)
    with _translated(target), _only_one(partial.content):
        end_s = time.monotonic() + patience.total_s
        _fetch_all(_Transfer(url, partial, progress, patience, end_s))
        _check_digest(url, partial, wanted)
        partial.finish()


def _fetch_all(transfer: _Transfer) -> None:
    """Send requests until the whole file is there."""
    patience, partial = transfer.patience, transfer.partial
    pause_s = patience.pause_s
    for attempt in range(1, patience.attempts + 1):
        try:
            _fetch(transfer)
            return
        except _PassingFailure as failure:
            if attempt == patience.attempts:
                raise DownloadError(
                    f'cannot fetch {transfer.url}: {failure}; gave up after {attempt} attempts. '
                    f'{partial.size} bytes are kept in {partial.content}: run it again to go on'
                ) from failure
        if pause_s > transfer.left_s:
            raise transfer.out_of_time()
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _fetch(transfer: _Transfer) -> None:
    """Send one request and write what comes; raises _PassingFailure, DownloadError."""
    url, partial = transfer.url, transfer.partial
    version = partial.version(url)
    request = urllib.request.Request(url, headers={'Accept-Encoding': 'identity'})
    if version.validator and partial.size:
        request.add_header('Range', f'bytes={partial.size}-')
        request.add_header('If-Range', version.validator)
    with HttpLine() as line:
        try:
            _send(request, line, transfer)
        except urllib.error.HTTPError as error:
            error.close()
            _judge_status(error, url, partial, version)
        except http.client.InvalidURL as error:
            raise ConfigError(f"'{url}' is no URL that can be fetched: {error}") from error
        except _TooLarge as error:
            partial.clear()
            raise DownloadError(str(error)) from error
        except _LINE_FAILURES as error:
            raise _line_failure(error, line, transfer) from error


def _send(request: urllib.request.Request, line: HttpLine, transfer: _Transfer) -> None:
    timeout_s = transfer.patience.timeout_s
    with line.cut_after(min(2 * timeout_s, transfer.left_s)):
        response = line.open(request, timeout_s)
    with response, line.cut_after(transfer.left_s):
        # A line that is cut looks like the end of the head, or of a body without a length.
        line.check()
        _receive(response, transfer)
        line.check()


def _line_failure(error: Exception, line: HttpLine, transfer: _Transfer) -> Exception:
    """Return what a failure of the line means."""
    if line.is_cut:
        is_over = transfer.left_s <= 0
        answer_s = 2 * transfer.patience.timeout_s
        late = _PassingFailure(f'timed out: no whole answer within {answer_s:g} s')
        return transfer.out_of_time() if is_over else late
    reason = getattr(error, 'reason', error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(f'cannot fetch {transfer.url}: the server is not trusted ({reason})')
    return _PassingFailure(str(reason) or type(reason).__name__)


def _receive(response: http.client.HTTPResponse, transfer: _Transfer) -> None:
    """Write the body of a good answer behind what is there, or in its place."""
    url, partial = transfer.url, transfer.partial
    start, total = _extent(response)
    transfer.check_size(total or 0)
    version = Version(url, response.headers['ETag'], response.headers['Last-Modified'], total)
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        earlier = partial.version(url)
        if start != partial.size or not version.continues(earlier):
            partial.clear()
            raise _PassingFailure('the server sent another part, or a part of another file')
        # A partial answer need not repeat what the request named.
        version = replace(earlier, total=earlier.total if total is None else total)
    else:
        partial.clear()
    with partial.opened(version) as file:
        _copy(response, file, total, transfer)
    if total is not None and partial.size != total:
        raise _PassingFailure(f'the connection ended after {partial.size} of {total} bytes')


def _copy(
    response: http.client.HTTPResponse, file: IO[bytes], total: int | None, transfer: _Transfer
) -> None:
    patience, done = transfer.patience, transfer.partial.size
    transfer.progress(done, total)
    begun_s, begun = time.monotonic(), done
    # read1 hands on what has come; read would lose it if the line breaks before the chunk is full.
    while chunk := response.read1(_CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        transfer.check_size(done)
        transfer.progress(done, total)
        elapsed_s = time.monotonic() - begun_s
        if elapsed_s >= patience.timeout_s:
            if done - begun < patience.least_bytes_per_s * elapsed_s:
                rate = (done - begun) / elapsed_s
                raise _PassingFailure(f'only {rate:.3g} bytes a second come')
            begun_s, begun = time.monotonic(), done


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return where the body starts within the file, and the file's length if it is told."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        match = _CONTENT_RANGE.fullmatch(response.headers['Content-Range'] or '')
        if match is None or match[1] is None:
            return -1, None
        return int(match[1]), None if match[2] == '*' else int(match[2])
    length = response.headers['Content-Length']
    return 0, int(length) if length and length.isdecimal() else None


def _judge_status(
    error: urllib.error.HTTPError, url: str, partial: PartialDownload, version: Version
) -> None:
    """Return if all bytes are there already; raise for every other status of failure."""
    if error.code == _RANGE_NOT_SATISFIABLE and partial.size:
        if version.total == partial.size and _told_total(error) in (None, partial.size):
            return
        partial.clear()
        raise _PassingFailure('the file has become shorter than what was fetched of it') from error
    if error.code in _PASSING_STATUS:
        raise _PassingFailure(f'the server answers {error.code} {error.reason}') from error
    raise DownloadError(
        f'cannot fetch {url}: the server answers {error.code} {error.reason}; check the URL'
    ) from error


def _told_total(error: urllib.error.HTTPError) -> int | None:
    match = _CONTENT_RANGE.fullmatch(error.headers['Content-Range'] or '')
    return int(match[2]) if match and match[2] != '*' else None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ('http', 'https') and bool(parts.hostname) and url.isascii()
    except ValueError:
        is_good = False
    if not is_good or any(letter.isspace() for letter in url):
        raise ConfigError(
            f"'{url}' is no URL that can be fetched; expected http:// or https://, a host and a "
            'path, with special letters as %XX'
        )


def _checked_digest(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    digest = sha256.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise ConfigError(f"sha256 is '{sha256}'; expected 64 hexadecimal digits")
    return digest


def _check_digest(url: str, partial: PartialDownload, wanted: str | None) -> None:
    """Raise DownloadError, and throw away what was fetched, unless it has the digest wanted."""
    if wanted is None:
        return
    came = sha256_of(partial.content)
    if came != wanted:
        partial.clear()
        raise DigestError(
            f'{url} has the sha256 {came}; expected {wanted}. It was thrown away: the file is '
            'another version or was tampered with'
        )


@contextmanager
def _only_one(content: Path) -> Iterator[None]:
    """Lock the file of what has come; one that is empty in the end is removed."""
    content.parent.mkdir(parents=True, exist_ok=True)
    with take_lock(content, f'another process is fetching {content}; wait for it'):
        try:
            yield
        finally:
            if content.exists() and not content.stat().st_size:
                content.unlink()


@contextmanager
def _translated(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(f'cannot write {target}: {error}; choose a writable place') from error
