# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the web page: its server, a moving camera and a real browser."""

from collections.abc import Callable, Iterator
import http.client
import json
from pathlib import Path
import re
import sys
import time

from chromium import find_chromium
import pytest

PROGRAM = [sys.executable, '-m', 'rtformer_ros.processes.executables']
PATIENCE_S = 60.0


class Page:
    """The server of the page, as a client without a browser sees it."""

    def __init__(self, child, url: str) -> None:
        self.child = child
        self.url = url
        self.port = int(re.search(r':(\d+)/', url)[1])

    def ask(self, method='GET', path='/', body=None, **headers):
        """Return status, headers and body of a request; underscores of header names are -."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE_S)
        named = {name.replace('_', '-'): value for name, value in headers.items()}
        try:
            connection.putrequest(method, path, skip_host='Host' in named)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            if body is not None:
                named = {'Content-Type': 'application/json', **named}
                named.setdefault('Content-Length', str(len(content)))
            for name, value in named.items():
                connection.putheader(name, value)
            connection.endheaders(content if body is not None else None)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def values(self, path, method='GET', body=None):
        return json.loads(self.ask(method, path, body)[2])

    def wait_for(self, condition, what):
        give_up_s = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            assert time.monotonic() < give_up_s, f'waited in vain for {what}'
            time.sleep(0.1)
        return value


@pytest.fixture
def start_page(start_child) -> Callable[..., Page]:
    """Return a function that starts the server with parameters and waits for its address."""

    def start(**parameters) -> Page:
        given = [f'-p {name}:={value}' for name, value in {'port': 0, **parameters}.items()]
        arguments = [part for each in given for part in each.split(' ', 1)]
        child = start_child([*PROGRAM, 'web', '--ros-args', *arguments])
        give_up_s = time.monotonic() + PATIENCE_S
        while not (found := re.search(r'the page is at (\S+)', child.output)):
            assert child.process.poll() is None, child.output
            assert time.monotonic() < give_up_s, child.output
            time.sleep(0.05)
        return Page(child, found[1])

    return start


@pytest.fixture
def moving_camera(start_child) -> None:
    """Play the bundled clip without end, small and slowly, as the camera of the node."""
    parameters = ('loop:=true', 'rate_hz:=5.0', 'width:=64', 'height:=48')
    given = [part for each in parameters for part in ('-p', each)]
    start_child([*PROGRAM, 'image_source', '--ros-args', *given])


@pytest.fixture(scope='module')
def browser() -> Iterator:
    """Return the system's Chromium; skips where there is none."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip('no Chromium is installed: sudo apt-get install chromium')
    playwright = pytest.importorskip('playwright.sync_api')
    # As root it has no sandbox; with little /dev/shm it crashes.
    options = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium, args=options)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, tmp_path: Path) -> Iterator[Callable]:
    """Return a function that opens the page in a browser of its own; no error may be logged."""
    contexts, errors = [], []

    def open_it(url: str, **options):
        context = browser.new_context(viewport={'width': 1200, 'height': 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.on('pageerror', lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []
