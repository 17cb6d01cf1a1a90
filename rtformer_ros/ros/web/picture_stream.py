# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Picture stream: the newest picture of a view, drawn once however many browsers show it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.ros.interface.topics import COMPRESSED
from rtformer_ros.ros.web.views import draw_jpeg, VIEWS
from sensor_msgs.msg import CompressedImage

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rtformer_ros.ros.web.feeds import Feed, Feeds
    from rtformer_ros.ros.web.published_state import PublishedState
    from rtformer_ros.ros.web.settings import WebSettings
    from rtformer_ros.ros.web.views import CameraView

# A browser asks again when this is over, so that one that has gone is noticed.
_PATIENCE_S = 2.0
_MOST_WAITING = 64


class PictureStream:
    """
    Pictures of all cameras and views; for one event loop.

    A browser asks for the next picture when it has shown the last one. So each gets as many as it
    keeps up with, and the newest at any time.
    """

    def __init__(
        self, feeds: Feeds, state: PublishedState, settings: WebSettings, threads: Executor
    ) -> None:
        """Take the threads to draw in."""
        self._feeds = feeds
        self._state = state
        self._settings = settings
        self._threads = threads
        self._drawn: dict[tuple[Feed, str], tuple[int, bytes]] = {}
        self._locks: dict[Feed, asyncio.Lock] = {}
        self._waiting = 0

    async def other_than(self, camera: str, view: str, sequence: int) -> tuple[int, bytes] | None:
        """
        Return number and JPEG of a picture that is not of this number; None if none comes soon.

        Raises ConfigError for a camera or view that is not there or too many that wait, ImageError
        or GeometryError for a message that cannot be drawn.
        """
        if view not in VIEWS:
            raise ConfigError(
                f'there is no view {quoted(view)}; expected one of: {", ".join(VIEWS)}'
            )
        if self._waiting >= _MOST_WAITING:
            raise ConfigError(f'{_MOST_WAITING} pictures are being waited for; close some pages')
        feed = self._feed(camera, VIEWS[view])
        if feed is None:
            await asyncio.sleep(_PATIENCE_S / 4)
            return None
        self._waiting += 1
        try:
            found = await feed.other_than(sequence, _PATIENCE_S)
        finally:
            self._waiting -= 1
        if found is None:
            return None
        async with self._locks.setdefault(feed, asyncio.Lock()):
            return await self._draw(camera, view, feed, found)

    def _feed(self, camera: str, view: CameraView) -> Feed | None:
        topic = self._state.topic(camera, view.topic)
        if view.topic:
            return self._feeds.feed(topic, view.kind)
        source = self._state.camera_topic(camera)
        if not source:
            return None
        is_compressed = source.endswith(COMPRESSED)
        return self._feeds.feed(source, CompressedImage if is_compressed else view.kind)

    async def _draw(
        self, camera: str, view: str, feed: Feed, found: tuple[int, bytes]
    ) -> tuple[int, bytes]:
        sequence, data = found
        drawn = self._drawn.get((feed, view))
        # Another browser may have had it, or a newer one, drawn meanwhile.
        if drawn is not None and drawn[0] >= sequence:
            return drawn
        settings = self._settings
        jpeg = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            draw_jpeg,
            VIEWS[view],
            feed.kind,
            data,
            self._state.palette(camera),
            settings.picture_width,
            settings.jpeg_quality,
        )
        self._drawn[feed, view] = sequence, jpeg
        return sequence, jpeg
