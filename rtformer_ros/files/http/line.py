# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An HTTP connection that can be cut from outside, and that changes to no weaker scheme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
import http.client
import socket
import threading
from typing import Any, IO
from urllib.parse import urlsplit
import urllib.request

from rtformer_ros.errors import DownloadError, quoted

# By scheme, those that a redirect may lead to.
_REDIRECTS = {'http': ('http', 'https'), 'https': ('https',)}


class HttpLine:
    """
    The connections of one request, its redirects included; use it in a `with` block.

    is_cut: whether time was up, so that what came is not all.
    """

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self.is_cut = False
        self._sockets: list[socket.socket] = []
        self._opener = urllib.request.build_opener(
            Redirects(), _HttpHandler(self._keep), _HttpsHandler(self._keep)
        )

    def open(self, request: urllib.request.Request, timeout_s: float) -> http.client.HTTPResponse:
        """
        Send a request and return the answer once its head is there.

        timeout_s: without a byte. Raises what urllib does, DownloadError for a redirect that is
        refused.
        """
        response: http.client.HTTPResponse = self._opener.open(request, timeout=timeout_s)
        return response

    @contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Let the block end soon, by an error or the end of the data, when its time is up."""
        timer = threading.Timer(max(0.0, seconds), self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def check(self) -> None:
        """Raise ConnectionError if time was up."""
        if self.is_cut:
            raise ConnectionError('its time was up')

    def __enter__(self) -> HttpLine:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is left open."""
        for kept in self._sockets:
            kept.close()

    def _keep(self, connected: socket.socket) -> None:
        # A copy: TLS takes the socket over, and urllib closes it once the answer is there.
        self._sockets.append(connected.dup())
        if self.is_cut:
            self._cut()

    def _cut(self) -> None:
        self.is_cut = True
        for kept in list(self._sockets):
            with suppress(OSError):
                kept.shutdown(socket.SHUT_RDWR)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects that stay with HTTP, and with TLS once they have it."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request to follow a redirect with; raises DownloadError for other schemes."""
        if urlsplit(newurl).scheme not in _REDIRECTS[urlsplit(req.full_url).scheme]:
            raise DownloadError(
                f'{quoted(req.full_url)} redirects to {quoted(newurl)}, which is no '
                f'{" or ".join(_REDIRECTS[urlsplit(req.full_url).scheme])} URL; it is not followed'
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_Keep = Callable[[socket.socket], None]


class _Connection(http.client.HTTPConnection):
    keep: _Keep

    def connect(self) -> None:
        super().connect()
        self.keep(self.sock)


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    """Its own `connect` calls _Connection's, and goes over to TLS after that."""


def _connection(
    kind: type[_Connection], keep: _Keep, *arguments: Any, **named: Any
) -> _Connection:
    made = kind(*arguments, **named)
    made.keep = keep
    return made


class _HttpHandler(urllib.request.HTTPHandler):
    def __init__(self, keep: _Keep) -> None:
        super().__init__()
        self._keep = keep

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_connection, _Connection, self._keep), req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def __init__(self, keep: _Keep) -> None:
        super().__init__()
        self._keep = keep

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_connection, _SecureConnection, self._keep), req)
