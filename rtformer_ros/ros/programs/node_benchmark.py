# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the segmentation node: frames of one camera, latencies, its own diagnostics."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
import itertools
import json
import os
from pathlib import Path
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rtformer_ros.engines.frames.picture_frame import encoded_picture
from rtformer_ros.errors import EngineError
from rtformer_ros.ros.interface.parameter_spec import ParameterSpec
from rtformer_ros.ros.interface.start.declaration import declare
from rtformer_ros.ros.process.run_node import run_node
from rtformer_ros.stream.statistics import Distribution
from sensor_msgs.msg import CompressedImage, Image

_NODE = 'segmentation_node'
_SPECS = (
    ParameterSpec('width', 640, 'Width of the frames in pixels', 1, 16384, read_only=True),
    ParameterSpec('height', 480, 'Height of the frames in pixels', 1, 16384, read_only=True),
    ParameterSpec('encoding', 'rgb8', 'Encoding of the frames', read_only=True),
    ParameterSpec('frames', 100, 'Frames to send', 1, 10**9, read_only=True),
    ParameterSpec(
        'rate_hz',
        5.0,
        'Frames per second; 0, without pace camera, sends one when the last mask came',
        0.0,
        1000.0,
        read_only=True,
    ),
    ParameterSpec(
        'pace',
        'mask',
        'mask: no frame before the last mask; camera: masks are not waited for; start: '
        'frames from the start until one mask has come',
        choices=('mask', 'camera', 'start'),
        read_only=True,
    ),
    ParameterSpec(
        'outputs', 'mask', 'Topics under ~/ to listen to, mask among them', read_only=True
    ),
    ParameterSpec('report', '', 'Where to write the report, as JSON', read_only=True),
    ParameterSpec('process_id', 0, "The node's, for its memory", 0, 2**31, read_only=True),
)
_START_TIMEOUT_S = 30.0
_MASK_TIMEOUT_S = 10.0
_SETTLE_S = 1.5
# After the last frame, for the masks that are still to come.
_QUIET_S = 0.7
_START_RATE_HZ = 30.0
# Frames that are not counted: caches fill, the middleware's buffers grow.
_WARM_UP_FRAMES = 10


@dataclass(frozen=True)
class Workload:
    """Workload of one camera; the fields are the parameters."""

    width: int
    height: int
    encoding: str
    frames: int
    rate_hz: float
    pace: str
    outputs: str
    report: str
    process_id: int


class NodeBenchmark(Node):
    """Publisher and subscribers of one camera in one process, so that latency has one clock."""

    def __init__(self) -> None:
        """Declare the parameters; raises ConfigError for one that is not allowed."""
        super().__init__('node_benchmark')
        values = declare(self, _SPECS)
        self._workload = Workload(**values)  # type: ignore[arg-type]
        self._camera = self.create_publisher(Image, 'image', QoSProfile(depth=5))
        self._message = self._frame()
        self._sent_s: dict[int, float] = {}
        self._latencies_ms: list[float] = []
        self._resident_mib: list[float] = []
        self._cpu_s: list[float] = []
        self._first_mask_s = 0.0
        self._arrived = threading.Event()
        self._status: dict[str, str] = {}
        for topic in self._workload.outputs.split(','):
            receive = self._receive_mask if topic == 'mask' else _ignore
            kind = CompressedImage if topic.endswith('/compressed') else Image
            self.create_subscription(kind, f'{_NODE}/{topic}', receive, QoSProfile(depth=5))
        self.create_subscription(DiagnosticArray, '/diagnostics', self._receive_status, 10)

    def play(self, stop: threading.Event) -> None:
        """Send the frames and write the report; raises EngineError when no mask comes."""
        if self._workload.pace == 'start':
            self._await_start(stop)
        else:
            self._send_frames(stop)
        Path(self._workload.report).write_text(json.dumps(self._report()), encoding='utf-8')

    def _await_start(self, stop: threading.Event) -> None:
        period_s = 1 / (self._workload.rate_hz or _START_RATE_HZ)
        for number in itertools.count():
            self._send(number)
            if self._arrived.wait(period_s) or stop.is_set():
                return

    def _send_frames(self, stop: threading.Event) -> None:
        give_up_s = time.monotonic() + _START_TIMEOUT_S
        while not self._camera.get_subscription_count():
            if stop.wait(0.05) or time.monotonic() > give_up_s:
                raise EngineError('the segmentation node does not subscribe; see its log')
        stop.wait(_SETTLE_S)
        next_s = time.monotonic()
        for number in range(self._workload.frames):
            self._send(number)
            if self._workload.pace == 'mask' and not self._arrived.wait(_MASK_TIMEOUT_S):
                raise EngineError(f'no mask came for frame {number} of {self._workload.frames}')
            next_s += 1 / self._workload.rate_hz if self._workload.rate_hz else 0.0
            if stop.wait(max(0.0, next_s - time.monotonic())):
                return
        while self._workload.pace == 'camera' and self._arrived.wait(_QUIET_S):
            self._arrived.clear()
        if not self._latencies_ms:
            raise EngineError(f'no mask came for any of {self._workload.frames} frames')
        self._status.clear()
        give_up_s = time.monotonic() + _MASK_TIMEOUT_S
        while self._awaits_status() and time.monotonic() < give_up_s:
            stop.wait(0.05)

    def _awaits_status(self) -> bool:
        """Return whether there is a status to come: a naive node has none."""
        return not self._status and self.count_publishers('/diagnostics') > 0

    def _frame(self) -> Image:
        workload = self._workload
        size_hwc = (workload.height, workload.width, 3)
        image_hwc = np.random.default_rng(0).integers(0, 256, size_hwc, np.uint8)
        data, step = encoded_picture(image_hwc, workload.encoding)
        return Image(
            height=workload.height,
            width=workload.width,
            encoding=workload.encoding,
            step=step,
            data=array('B', data.tobytes()),
        )

    def _send(self, number: int) -> None:
        if self._workload.pace != 'start':
            # There, any mask will do, and one may just have come.
            self._arrived.clear()
        self._message.header.stamp = self.get_clock().now().to_msg()
        self._message.header.frame_id = str(number)
        self._sent_s[number] = time.monotonic()
        self._camera.publish(self._message)

    def _receive_mask(self, mask: Image) -> None:
        number, now_s = int(mask.header.frame_id), time.monotonic()
        self._first_mask_s = self._first_mask_s or now_s
        if number >= _WARM_UP_FRAMES:
            self._latencies_ms.append((now_s - self._sent_s.pop(number)) * 1e3)
        if number % max(1, self._workload.frames // 100) == 0 and self._workload.process_id:
            self._resident_mib.append(_resident_mib(self._workload.process_id))
        if self._workload.process_id and number >= _WARM_UP_FRAMES:
            self._cpu_s.append(_cpu_s(self._workload.process_id))
        self._arrived.set()

    def _receive_status(self, diagnostics: DiagnosticArray) -> None:
        for status in diagnostics.status:
            self._status = {pair.key: pair.value for pair in status.values}

    def _cpu_ms(self) -> float:
        """Return the CPU time of the node a frame, from the first counted mask to the last."""
        frames = len(self._cpu_s) - 1
        return (self._cpu_s[-1] - self._cpu_s[0]) / frames * 1e3 if frames > 0 else float('nan')

    def _report(self) -> dict[str, object]:
        latency = Distribution.of(self._latencies_ms or [float('nan')])
        return {
            # On the clock of this machine, which a parent can read, too.
            'first_mask_s': self._first_mask_s,
            'latency_p50_ms': latency.p50_ms,
            'latency_p95_ms': latency.p95_ms,
            'latency_max_ms': latency.max_ms,
            'sent': max(0, self._workload.frames - _WARM_UP_FRAMES),
            'masks': len(self._latencies_ms),
            'resident_mib': self._resident_mib,
            'cpu_ms': self._cpu_ms(),
            'status': self._status,
        }


def _cpu_s(process_id: int) -> float:
    """Return the CPU time that a process has taken so far, all its threads together."""
    fields = (
        Path(f'/proc/{process_id}/stat').read_text(encoding='utf-8').rpartition(')')[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def _ignore(message: object) -> None:
    del message


def _resident_mib(process_id: int) -> float:
    for line in Path(f'/proc/{process_id}/status').read_text(encoding='ascii').splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) / 1024
    return 0.0


def main(args: list[str] | None = None) -> int:
    """Send the frames and end; returns the exit code."""
    return run_node('node_benchmark', NodeBenchmark, NodeBenchmark.play, args)


if __name__ == '__main__':
    sys.exit(main())
