# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Published state: what the node's topics say of it, as values for JSON."""

from __future__ import annotations

import json
import time
from typing import Any, TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rcl_interfaces.msg import ParameterEvent
from rclpy.serialization import deserialize_message
from rtformer_ros.errors import ConfigError, ImageError, listed, quoted
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.ros.web.views import plane
from sensor_msgs.msg import Image
from std_msgs.msg import String

if TYPE_CHECKING:
    from rtformer_ros.ros.web.feeds import Feeds
    from rtformer_ros.segmentation import Pixels

# Periods of diagnostics after which the node is taken to be silent, and seconds on top.
_SILENT_PERIODS = 3
_SILENT_S = 1.0
_GREY = 128


class PublishedState:
    """What is known of the node by its topics; for the event loop alone."""

    def __init__(self, feeds: Feeds, node: str) -> None:
        """Take the full name of the node."""
        self._feeds = feeds
        self._node = node
        name = node.rpartition('/')[2].encode()
        self._diagnostics = feeds.feed('/diagnostics', DiagnosticArray, name + b': ')
        self._events = feeds.feed('/parameter_events', ParameterEvent, node.encode() + b'\0')
        self._told: tuple[int, list[dict[str, Any]]] = (0, [])

    @property
    def parameters_version(self) -> int:
        """Changes whenever a parameter of the node has."""
        self._events.newest()
        return self._events.sequence

    @property
    def is_silent(self) -> bool:
        """Tell whether its diagnostics have not come yet, or stopped coming."""
        feed = self._diagnostics
        if feed.newest() is None:
            return True
        allowed_s = _SILENT_PERIODS * feed.interval_s + _SILENT_S
        return time.monotonic() - feed.received_s > allowed_s

    def statuses(self) -> list[dict[str, Any]]:
        """Return the node's statuses: {name, level, message, values}; [] before the first."""
        data = self._diagnostics.newest()
        if data is None:
            return []
        sequence = self._diagnostics.sequence
        if self._told[0] != sequence:
            start = f'{self._node.rpartition("/")[2]}: '
            message = deserialize_message(data, DiagnosticArray)
            self._told = (sequence, [_status(s, start) for s in _of(message, start)])
        return self._told[1]

    def cameras(self) -> list[str]:
        """Return the names of the cameras; [''] for a single one without, and before any."""
        for status in self.statuses():
            if 'cameras' in status['values']:
                return list(filter(None, status['values']['cameras'].split(', '))) or ['']
        return ['']

    def camera_topic(self, camera: str) -> str:
        """Return the image topic of a camera, '' where it is not known."""
        wanted = camera or 'segmentation'
        topics = [
            s['values'].get('image topic', '') for s in self.statuses() if s['name'] == wanted
        ]
        return topics[0] if topics else ''

    def topic(self, camera: str, name: str) -> str:
        """Return the full name of a camera's output; raises ConfigError for no camera of it."""
        if camera not in self.cameras():
            raise ConfigError(
                f'{self._node} has no camera {quoted(camera)}; expected one of: '
                f'{listed(self.cameras())}'
            )
        return '/'.join(filter(None, (self._node, camera, name)))

    def labels(self, camera: str) -> dict[str, Any]:
        """Return what ~/labels says, {} before it came."""
        data = self._feeds.feed(self.topic(camera, 'labels'), String).newest()
        if data is None:
            return {}
        labels: dict[str, Any] = parse_json(deserialize_message(data, String).data, '~/labels')
        return labels

    def palette(self, camera: str) -> Pixels:
        """Return the colours of the classes by id, uint8 [256, 3]; grey where not known."""
        palette = np.full((256, 3), _GREY, np.uint8)
        for row in self.labels(camera).get('classes', []):
            palette[row['id']] = row['color']
        return palette

    def shares(self, camera: str) -> dict[str, float]:
        """
        Return what ~/coverage says, the share of each class id, 0..1; {} before it came.

        Of the pixels in coverage.polygon, which is the whole mask unless somebody has set it.
        """
        data = self._feeds.feed(self.topic(camera, 'coverage'), DiagnosticArray).newest()
        ids = {row['name']: str(row['id']) for row in self.labels(camera).get('classes', [])}
        if data is None:
            return {}
        [status] = deserialize_message(data, DiagnosticArray).status
        return {ids[pair.key]: float(pair.value) for pair in status.values if pair.key in ids}

    def pixel(self, camera: str, x: float, y: float) -> dict[str, Any]:
        """
        Return class and confidence at a place of the newest mask: {id, name, confidence}.

        x, y: 0..1 from the left and from the top. What is not known yet is None.
        """
        mask, confidence = self._plane(camera, 'mask'), self._plane(camera, 'confidence')
        if mask is None:
            return {'id': None, 'name': None, 'confidence': None}
        class_id = int(mask[_place(mask, x, y)])
        names = {row['id']: row['name'] for row in self.labels(camera).get('classes', [])}
        return {
            'id': class_id,
            'name': names.get(class_id, f'class {class_id}'),
            'confidence': None
            if confidence is None
            else int(confidence[_place(confidence, x, y)]) / 255,
        }

    def _plane(self, camera: str, topic: str) -> Pixels | None:
        data = self._feeds.feed(self.topic(camera, topic), Image).newest()
        if data is None:
            return None
        try:
            return plane(deserialize_message(data, Image))
        except ImageError:
            # The view of the same topic says so.
            return None


def _of(message: DiagnosticArray, start: str) -> list[Any]:
    return [status for status in message.status if status.name.startswith(start)]


def _status(status: Any, start: str) -> dict[str, Any]:
    return {
        'name': status.name.removeprefix(start),
        'level': status.level[0],
        'message': status.message,
        'values': {pair.key: pair.value for pair in status.values},
    }


def _place(plane_hw: Pixels, x: float, y: float) -> tuple[int, int]:
    height, width = plane_hw.shape
    return min(int(y * height), height - 1), min(int(x * width), width - 1)


def as_json(values: Any) -> str:
    """Return values as JSON, as browsers read it: what is not finite is not there."""
    try:
        return json.dumps(values, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(values))


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_finite(value) for value in values]
    is_lost = isinstance(values, float) and values - values != 0
    return None if is_lost else values
