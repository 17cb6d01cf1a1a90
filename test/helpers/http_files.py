"""A file server on this machine that can be told to misbehave."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """
    Serve one file under every path, as the attributes say; `ranges` lists what was asked for.

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
        self.is_chunked = False
        self.cuts: list[int | None] = []
        self.statuses: list[int] = []
        self.ranges: list[str | None] = []
        self.conditions: list[str | None] = []

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_port}/files/weights.bin?version=1'

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
        start = self._start()
        if start is not None and start >= len(server.content):
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(server.content)}')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        body = server.content[start or 0 :]
        self._send_head(start, len(body))
        cut = server.cuts.pop(0) if server.cuts else None
        sent = body[:cut]
        self.wfile.write(b'%x\r\n%s\r\n' % (len(sent), sent) if server.is_chunked else sent)
        if server.is_chunked and cut is None:
            self.wfile.write(b'0\r\n\r\n')

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

    def log_message(self, *_: object) -> None:
        pass
