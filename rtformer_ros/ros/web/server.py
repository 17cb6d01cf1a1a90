# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""HTTP server of the page: its files, the node's state and pictures, and what changes it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
import logging
from pathlib import Path
import traceback
from types import MappingProxyType
from typing import Any, TYPE_CHECKING

from aiohttp import web
from rtformer_ros.errors import ConfigError, NodeUnreachable, RtformerError
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.packaged_files import models_at_hand
from rtformer_ros.ros.web.access import Access, TOKEN_COOKIE
from rtformer_ros.ros.web.picture_stream import PictureStream
from rtformer_ros.ros.web.published_state import as_json, PublishedState
from rtformer_ros.ros.web.remote_parameters import read_parameters, set_parameter
from std_srvs.srv import SetBool, Trigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    import threading

    from rtformer_ros.ros.web.page_node import PageNode

_PAGE = Path(__file__).parent / 'page'
_MOST_BODY_BYTES = 64 * 1024
_LOOK_S = 1.0
_DRAWING_THREADS = 2
# What there is, and no other: no path of a request ever becomes one of a file.
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        '/': ('index.html', 'text/html'),
        '/style.css': ('style.css', 'text/css'),
        '/icon.svg': ('icon.svg', 'image/svg+xml'),
        **{
            f'/{name}.js': (f'{name}.js', 'text/javascript')
            for name in (
                'main', 'server', 'picture', 'legend', 'plots', 'figures', 'parameters', 'elements'
            )
        },
    }
)  # fmt: skip
"""Path -> file of the page and its type."""

_HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}


class PageServer:
    """Answers the requests of browsers; lives in one event loop."""

    def __init__(self, node: PageNode) -> None:
        """Take the node that knows the one that is shown."""
        self._node = node
        self._settings = node.settings
        self.access = Access.of(node.settings)
        self._state = PublishedState(node.feeds, node.settings.node)
        self._threads = ThreadPoolExecutor(_DRAWING_THREADS, thread_name_prefix='drawing')
        self._pictures = PictureStream(node.feeds, self._state, node.settings, self._threads)
        self._requests: set[asyncio.Task[Any]] = set()

    async def serve(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """
        Serve until the event is set.

        tell: called with the address once it can be opened. Raises ConfigError for an address or
        port that cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._node.thread.loop = loop
        # It would write a traceback for each malformed request; what fails here is logged below.
        logging.getLogger('aiohttp').addHandler(logging.NullHandler())
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        try:
            port = await self._listen(runner)
            tell(self._url(port))
            ended = loop.run_in_executor(None, stop.wait)
            while not ended.done():
                # Nothing is open where nobody asks, so this is all that an idle page costs.
                await asyncio.wait([ended], timeout=_LOOK_S)
                self._node.feeds.look_after()
        finally:
            self._node.thread.loop = None
            # Else the end waits for the last pictures that browsers wait for.
            for task in list(self._requests):
                task.cancel()
            await runner.cleanup()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _listen(self, runner: web.AppRunner) -> int:
        address, port = self._settings.address, self._settings.port
        try:
            await web.TCPSite(runner, address, port).start()
        except OSError as error:
            raise ConfigError(
                f'cannot serve on {address} port {port} ({error.strerror}); expected an address '
                'of this machine and a free port: set address or port, 0 for any that is free'
            ) from error
        return int(runner.addresses[0][1])

    def _url(self, port: int) -> str:
        address = self._settings.address
        host = f'[{address}]' if ':' in address else address
        query = f'?token={self.access.token}' if self.access.token else ''
        return f'http://{host}:{port}/{query}'

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_MOST_BODY_BYTES, middlewares=[self._guard])
        add = application.router
        for path, (name, kind) in FILES.items():
            add.add_get(path, _file_handler((_PAGE / name).read_bytes(), kind))
        add.add_get('/api/state', self._get_state)
        add.add_get('/api/picture', self._get_picture)
        add.add_get('/api/pixel', self._get_pixel)
        add.add_get('/api/parameters', self._get_parameters)
        add.add_get('/api/models', self._get_models)
        add.add_post('/api/parameter', self._set_parameter)
        add.add_post('/api/enabled', self._set_enabled)
        add.add_post('/api/snapshot', self._take_snapshot)
        return application

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        response = self._entrance(request) or self._refused(request)
        if response is None:
            task = asyncio.current_task()
            assert task is not None
            self._requests.add(task)
            try:
                response = await self._answered(request, handler)
            finally:
                self._requests.discard(task)
        response.headers.update(_HEADERS)
        return response

    async def _answered(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except NodeUnreachable as error:
            return _error(503, str(error))
        except RtformerError as error:
            return _error(422, str(error))
        except Exception as error:  # noqa: BLE001  the page outlives each of its requests
            self._node.get_logger().error(f'a request failed:\n{traceback.format_exc()}')
            return _error(500, f'{type(error).__name__}; the log of the page has more')

    def _entrance(self, request: web.Request) -> web.StreamResponse | None:
        """Take a right token from the address into a cookie, so that it is not shown further."""
        given = request.query.get('token', '')
        if request.path != '/' or not given or not self.access.token:
            return None
        if not self.access.is_token(given):
            return None
        response = web.Response(status=303, headers={'Location': '/'})
        response.set_cookie(TOKEN_COOKIE, given, httponly=True, samesite='Strict', path='/')
        return response

    def _refused(self, request: web.Request) -> web.StreamResponse | None:
        cookie = request.cookies.get(TOKEN_COOKIE, '')
        is_change = request.method not in ('GET', 'HEAD')
        refusal = self.access.refusal(request.headers, cookie, is_change=is_change)
        return _error(*refusal) if refusal else None

    async def _get_state(self, request: web.Request) -> web.StreamResponse:
        state, camera = self._state, request.query.get('camera', '')
        cameras = state.cameras()
        if camera not in cameras:
            camera = cameras[0]
        return _json(
            {
                'node': self._settings.node,
                'is_there': self._node.remote.is_there,
                'is_silent': state.is_silent,
                'statuses': state.statuses(),
                'cameras': cameras,
                'camera': camera,
                'labels': state.labels(camera),
                'shares': state.shares(camera),
                'parameters_version': state.parameters_version,
            }
        )

    async def _get_picture(self, request: web.Request) -> web.StreamResponse:
        camera, view = request.query.get('camera', ''), request.query.get('view', 'overlay')
        picture = await self._pictures.other_than(camera, view, _number(request, 'after', -1))
        if picture is None:
            return web.Response(status=204)
        headers = {'X-Sequence': str(picture[0])}
        return web.Response(body=picture[1], content_type='image/jpeg', headers=headers)

    async def _get_pixel(self, request: web.Request) -> web.StreamResponse:
        x, y = _share(request, 'x'), _share(request, 'y')
        return _json(self._state.pixel(request.query.get('camera', ''), x, y))

    async def _get_parameters(self, request: web.Request) -> web.StreamResponse:
        del request
        return _json(await read_parameters(self._node.remote))

    async def _get_models(self, request: web.Request) -> web.StreamResponse:
        del request
        loop = asyncio.get_running_loop()
        return _json(await loop.run_in_executor(self._threads, models_at_hand))

    async def _set_parameter(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request, 'name', 'value')
        name = body['name'] if isinstance(body['name'], str) else ''
        taken, reason = await set_parameter(self._node.remote, name, body['value'])
        return _json({'successful': taken, 'reason': reason})

    async def _set_enabled(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request, 'enabled')
        asked = SetBool.Request(data=body['enabled'] is True)
        answer = await self._node.remote.call(SetBool, asked)
        return _json({'successful': answer.success, 'reason': answer.message})

    async def _take_snapshot(self, request: web.Request) -> web.StreamResponse:
        await _body(request)
        answer = await self._node.remote.call(Trigger, Trigger.Request())
        return _json({'successful': answer.success, 'reason': answer.message})


def _file_handler(
    content: bytes, kind: str
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(body=content, content_type=kind, charset='utf-8')

    return answer


async def _body(request: web.Request, *keys: str) -> dict[str, Any]:
    """Return the JSON object of a request; raises ConfigError unless it has the keys."""
    body: Any = None
    # A body of no text, in an encoding that there is not, is none of JSON either.
    with suppress(ConfigError, ValueError, LookupError):
        body = parse_json(await request.text(), 'the request')
    if not isinstance(body, dict) or not body.keys() >= set(keys):
        raise ConfigError(f'expected a JSON object with the keys: {", ".join(keys) or "none"}')
    return body


def _share(request: web.Request, key: str) -> float:
    with suppress(ValueError):
        value = float(request.query.get(key, ''))
        if 0 <= value <= 1:
            return value
    raise ConfigError(f'expected {key} as a number, 0 to 1')


def _number(request: web.Request, key: str, default: int) -> int:
    try:
        return int(request.query.get(key, default))
    except ValueError:
        return default


def _json(values: Any) -> web.Response:
    return web.Response(text=as_json(values), content_type='application/json')


def _error(status: int, reason: str) -> web.Response:
    text = as_json({'error': reason})
    return web.Response(status=status, text=text, content_type='application/json')
