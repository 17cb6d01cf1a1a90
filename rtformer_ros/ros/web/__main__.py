# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Executable of the web page."""

from __future__ import annotations

import asyncio
import sys
import threading

from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.process.run_node import run_node
from rtformer_ros.ros.web.page_node import PageNode


def main(args: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    return run_node('web', PageNode, _serve, args)


def _serve(node: PageNode, stop: threading.Event) -> None:
    try:
        from rtformer_ros.ros.web.server import PageServer
    except ModuleNotFoundError as error:
        if error.name != 'aiohttp':
            raise
        raise ConfigError(
            'the web page needs the library aiohttp, which is not installed: '
            'sudo apt install python3-aiohttp, or python3 -m pip install aiohttp'
        ) from error
    log = node.get_logger()
    asyncio.run(PageServer(node).serve(stop, lambda url: log.info(f'the page is at {url}')))


if __name__ == '__main__':
    sys.exit(main())
