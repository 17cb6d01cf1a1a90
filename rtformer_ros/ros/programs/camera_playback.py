# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Playback of several cameras at once to the segmentation node, with a report on each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
import json
from pathlib import Path
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rtformer_ros.errors import EngineError
from rtformer_ros.ros.input.image_messages import image_array, new_image
from rtformer_ros.ros.interface.parameter_spec import ParameterSpec
from rtformer_ros.ros.interface.start.declaration import declare
from rtformer_ros.ros.process.run_node import run_node
from rtformer_ros.stream.statistics import Distribution
from sensor_msgs.msg import Image

_NODE = 'segmentation_node'
_SPECS = (
    ParameterSpec('cameras', ('front', 'left', 'right'), 'Names of the cameras', read_only=True),
    ParameterSpec('width', 480, 'Width of the frames in pixels', 1, 16384, read_only=True),
    ParameterSpec('height', 360, 'Height of the frames in pixels', 1, 16384, read_only=True),
    ParameterSpec('rate_hz', 10.0, 'Frames per second and camera', 0.1, 1000.0, read_only=True),
    ParameterSpec('duration_s', 20.0, 'Seconds to send for', 0.1, 1e6, read_only=True),
    ParameterSpec('report', '', 'Where to write the report, as JSON', read_only=True),
)
_START_TIMEOUT_S = 30.0
_STATUS_TIMEOUT_S = 10.0
_SETTLE_S = 1.5
# Sent before those that count: caches fill, and the node tries out batches.
_WARM_UP_S = 2.0
_QUIET_S = 2.0


@dataclass(frozen=True)
class PlaybackWorkload:
    """Workload of several cameras; the fields are the parameters."""

    cameras: tuple[str, ...]
    width: int
    height: int
    rate_hz: float
    duration_s: float
    report: str


@dataclass
class _Record:
    """The frames of one camera that count: when each was sent, and when its mask came."""

    sent_s: dict[int, float] = field(default_factory=dict)
    masks_s: dict[int, float] = field(default_factory=dict)


class CameraPlayback(Node):
    """Publishers and subscribers of several cameras in one process: latency has one clock."""

    def __init__(self) -> None:
        """Declare the parameters; raises ConfigError for one that is not allowed."""
        super().__init__('camera_playback')
        self._workload = PlaybackWorkload(**declare(self, _SPECS))  # type: ignore[arg-type]
        names = self._workload.cameras
        qos = QoSProfile(depth=5)
        self._publishers_of = {
            name: self.create_publisher(Image, f'{name}/image', qos) for name in names
        }
        self._records = {name: _Record() for name in names}
        self._last_mask_s = time.monotonic()
        self._statuses: dict[str, dict[str, str]] = {}
        for name in names:
            receive = partial(self._receive_mask, name)
            self.create_subscription(Image, f'/{_NODE}/{name}/mask', receive, qos)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._receive_status, 10)

    def play(self, stop: threading.Event) -> None:
        """Send the frames and write the report; raises EngineError when the node is not there."""
        give_up_s = time.monotonic() + _START_TIMEOUT_S
        while not all(p.get_subscription_count() for p in self._publishers_of.values()):
            if stop.wait(0.05) or time.monotonic() > give_up_s:
                raise EngineError('the segmentation node does not subscribe; see its log')
        stop.wait(_SETTLE_S)
        self._film(stop, _WARM_UP_S)
        before = self._next_statuses(stop)
        for record in self._records.values():
            record.sent_s.clear()
            record.masks_s.clear()
        self._film(stop, self._workload.duration_s)
        after = self._next_statuses(stop)
        busy_s, runs = (
            float(after['segmentation'][key]) - float(before['segmentation'][key])
            for key in ('busy (s)', 'engine runs')
        )
        report = {
            'busy_s': busy_s,
            'engine_runs': runs,
            'elapsed_s': self._elapsed_s(),
            'cameras': {name: self._report(name, before, after) for name in self._records},
        }
        Path(self._workload.report).write_text(json.dumps(report), encoding='utf-8')

    def _film(self, stop: threading.Event, duration_s: float) -> None:
        """Let each camera send for a while, the one shortly after the other."""
        period_s = 1 / self._workload.rate_hz
        start_s = time.monotonic()
        threads = [
            threading.Thread(
                target=self._send_frames,
                args=(name, start_s + index * period_s / len(self._records), duration_s, stop),
            )
            for index, name in enumerate(self._records)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Until the node has made what waits.
        while time.monotonic() < self._last_mask_s + _QUIET_S and not stop.wait(0.05):
            pass

    def _send_frames(
        self, name: str, start_s: float, duration_s: float, stop: threading.Event
    ) -> None:
        message = new_image(self._workload.height, self._workload.width, 'rgb8')
        pixels = image_array(message)
        pixels[:] = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
        for number in range(round(duration_s * self._workload.rate_hz)):
            due_s = start_s + number / self._workload.rate_hz
            if stop.wait(max(0.0, due_s - time.monotonic())):
                return
            message.header.stamp = self.get_clock().now().to_msg()
            message.header.frame_id = str(number)
            self._records[name].sent_s[number] = time.monotonic()
            self._publishers_of[name].publish(message)

    def _receive_mask(self, name: str, mask: Image) -> None:
        self._last_mask_s = time.monotonic()
        self._records[name].masks_s[int(mask.header.frame_id)] = self._last_mask_s

    def _receive_status(self, diagnostics: DiagnosticArray) -> None:
        for status in diagnostics.status:
            name = status.name.partition(': ')[2]
            self._statuses[name] = {pair.key: pair.value for pair in status.values}

    def _next_statuses(self, stop: threading.Event) -> dict[str, dict[str, str]]:
        self._statuses = {}
        give_up_s = time.monotonic() + _STATUS_TIMEOUT_S
        while not self._records.keys() <= self._statuses.keys():
            if stop.wait(0.05) or time.monotonic() > give_up_s:
                raise EngineError('no diagnostics came; is the segmentation node running?')
        return dict(self._statuses)

    def _elapsed_s(self) -> float:
        """Return the time from the first frame to the last mask."""
        sent_s = [at_s for record in self._records.values() for at_s in record.sent_s.values()]
        masks_s = [at_s for record in self._records.values() for at_s in record.masks_s.values()]
        return max(masks_s, default=float('nan')) - min(sent_s, default=float('nan'))

    def _report(
        self, name: str, before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]
    ) -> dict[str, object]:
        record = self._records[name]
        latencies_ms = [(at_s - record.sent_s[n]) * 1e3 for n, at_s in record.masks_s.items()]
        times_s = sorted(record.masks_s.values())
        gaps_ms = [(later_s - s) * 1e3 for s, later_s in pairwise(times_s)]
        latency = Distribution.of(latencies_ms or [float('nan')])
        counts = ('frames received', 'dropped: newer frame')
        news = {key: int(after[name][key]) - int(before[name][key]) for key in counts}
        return {
            'sent': len(record.sent_s),
            'received': news['frames received'],
            'skipped': news['dropped: newer frame'],
            'masks': len(times_s),
            'longest_gap_ms': max(gaps_ms, default=float('nan')),
            'latency_p50_ms': latency.p50_ms,
            'latency_p95_ms': latency.p95_ms,
            'status': after[name],
        }


def main(args: list[str] | None = None) -> int:
    """Play the cameras and end; returns the exit code."""
    return run_node('camera_playback', CameraPlayback, CameraPlayback.play, args)


if __name__ == '__main__':
    sys.exit(main())
