# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A file server on this machine that can be told to misbehave."""

from __future__ import annotations

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import re
import ssl
import threading
import time

CERTIFICATE = Path(__file__).with_name('localhost.pem')


class FileServer(ThreadingHTTPServer):
    """
    Serve one file under every path, as the attributes say; `ranges` lists what was asked for.

    location: where to redirect to, '' for nowhere. drip_s: seconds between two bytes of the body,
    or of the head where drips_head. is_endless: the body goes on for ever.
    cuts: after how many bytes of the body to hang up, one entry a request, None for not at all.
    statuses: answers to give first, one a request.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.content = content
        self.etag: str | None = '"one"'
        self.last_modified: str | None = None
        self.knows_ranges = True
        self.heeds_if_range = True
        self.repeats_etag = True
        self.tells_length = True
        self.scheme = 'http'
        self.is_chunked = False
        self.is_endless = False
        self.location = ''
        self.drip_s = 0.0
        self.drips_head = False
        self.cuts: list[int | None] = []
        self.statuses: list[int] = []
        self.ranges: list[str | None] = []
        self.conditions: list[str | None] = []

    @property
    def url(self) -> str:
        return f'{self.scheme}://127.0.0.1:{self.server_port}/files/weights.bin?version=1'

    def use_tls(self) -> None:
        """Speak HTTPS, with CERTIFICATE."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = 'https'

    def __enter__(self) -> FileServer:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        server = self.server
        self.close_connection = True
        server.ranges.append(self.headers['Range'])
        server.conditions.append(self.headers['If-Range'])
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        if server.location:
            self.send_response(302)
            self.send_header('Location', server.location)
            self.end_headers()
            return
        if server.drips_head:
            self._drip(b'HTTP/1.1 200 OK\r\n' + b'X-Slow: yes\r\n' * 50)
            return
        start = self._start()
        if start is not None and start >= len(server.content):
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(server.content)}')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        body = server.content[start or 0 :]
        self._send_head(start, len(body))
        if server.drip_s:
            self._drip(body)
            return
        while server.is_endless:
            self.wfile.write(b'%x\r\n%s\r\n' % (len(body), body) if server.is_chunked else body)
        cut = server.cuts.pop(0) if server.cuts else None
        sent = body[:cut]
        self.wfile.write(b'%x\r\n%s\r\n' % (len(sent), sent) if server.is_chunked else sent)
        if server.is_chunked and cut is None:
            self.wfile.write(b'0\r\n\r\n')

    def _drip(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            time.sleep(self.server.drip_s)

    def _start(self) -> int | None:
        server, condition = self.server, self.headers['If-Range']
        match = re.fullmatch(r'bytes=(\d+)-', self.headers['Range'] or '')
        if match is None or not server.knows_ranges:
            return None
        if server.heeds_if_range and condition not in (server.etag, server.last_modified):
            return None
        return int(match[1])

    def _send_head(self, start: int | None, length: int) -> None:
        server = self.server
        self.send_response(200 if start is None else 206)
        if server.etag and (start is None or server.repeats_etag):
            self.send_header('ETag', server.etag)
        if server.last_modified:
            self.send_header('Last-Modified', server.last_modified)
        if start is not None:
            end = len(server.content) - 1
            self.send_header('Content-Range', f'bytes {start}-{end}/{end + 1}')
        if server.is_chunked:
            self.send_header('Transfer-Encoding', 'chunked')
        elif server.tells_length:
            self.send_header('Content-Length', str(length))
        self.end_headers()

    def handle(self) -> None:
        # Who has enough of it hangs up.
        with suppress(ConnectionError, ssl.SSLError):
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass
