# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Frames at 15 Hz while the model is exchanged every two seconds: which are lost, how late they come.

    python -m pytest -q -s --timeout 0 test/soak/swaps.py

Not collected with the tests: it measures time. SWAPS (100) and ENGINE (onnxruntime) are variables
of the environment. The model is RTFormer-Slim at a size that takes about 10 ms on one thread.
"""

from __future__ import annotations

import os
import shutil
import time

from node_process import NodeProcess, REPOSITORY
import numpy as np
from ros_peer import Camera, NODE, noise, number_of, RosPeer
from rtformer_ros.deploy.export import export_onnx

SWAPS = int(os.environ.get('SWAPS', '100'))
ENGINE = os.environ.get('ENGINE', 'onnxruntime')
RATE_HZ, SWAP_PERIOD_S = 15.0, 2.0
SIZE = (64, 96)
CHECKPOINT = REPOSITORY / 'models' / 'rtformer_slim_camvid.safetensors'


class Stream:
    """A camera at 15 Hz and the times of its masks."""

    def __init__(self, peer: RosPeer) -> None:
        self._peer, self._camera = peer, Camera(peer)
        self._image = noise(*SIZE)
        self._sent_s: dict[int, float] = {}
        self._late_ms: dict[int, float] = {}
        self.masks = peer.collect(f'{NODE}/mask')

    def connect(self) -> None:
        self._camera.publish_until(lambda: self.masks, self._image)
        self._peer.spin_for(2.0)

    def send_for(self, seconds: float, models: list[str]) -> tuple[int, int, list[float]]:
        """Return frames sent, frames lost, the sorted latencies in ms; swap unless no models."""
        self._sent_s.clear()
        self._late_ms.clear()
        self.masks.clear()
        begin_s = time.monotonic()
        answers = []
        for index in range(int(seconds * RATE_HZ)):
            while (left_s := begin_s + index / RATE_HZ - time.monotonic()) > 0:
                self._peer.executor.spin_once(timeout_sec=left_s)
                self._note_masks()
            if models and index % int(SWAP_PERIOD_S * RATE_HZ) == 0:
                answers.append(self._peer.set_future('model', models[len(answers) % len(models)]))
            sent_s = time.monotonic()
            self._sent_s[self._camera.publish(self._image)] = sent_s
        give_up_s = time.monotonic() + 1.0
        while len(self._late_ms) < len(self._sent_s) and time.monotonic() < give_up_s:
            self._peer.executor.spin_once(timeout_sec=0.02)
            self._note_masks()
        assert all(answer().successful for answer in answers)
        sent = len(self._sent_s)
        return sent, sent - len(self._late_ms), sorted(self._late_ms.values())

    def _note_masks(self) -> None:
        now_s = time.monotonic()
        for number in map(number_of, self.masks):
            self._late_ms[number] = 1000 * (now_s - self._sent_s[number])
        self.masks.clear()


def test_swaps(tmp_path, capfd):
    first, second = tmp_path / 'first.onnx', tmp_path / 'second.onnx'
    export_onnx(CHECKPOINT, first, *SIZE)
    shutil.copy(first, second)
    peer = RosPeer()
    node = NodeProcess(tmp_path / 'node.log', {'model': first, 'engine': ENGINE, 'threads': 1})
    try:
        peer.wait_for(lambda: peer.state() == 'active', 'the node to be active')
        stream = Stream(peer)
        stream.connect()
        results = {
            'without swaps': stream.send_for(min(60.0, SWAPS * SWAP_PERIOD_S), []),
            f'{SWAPS} swaps': stream.send_for(SWAPS * SWAP_PERIOD_S, [str(second), str(first)]),
        }
    finally:
        node.kill()
        peer.close()
    with capfd.disabled():
        print(f'\n{ENGINE}, load average {os.getloadavg()[0]:.1f}')
        for name, (sent, lost, late_ms) in results.items():
            p50, p99 = np.percentile(late_ms, [50, 99])
            print(
                f'{name:14} {sent} frames, {lost} lost, p50 {p50:.0f} ms, p99 {p99:.0f} ms, '
                f'max {late_ms[-1]:.0f} ms'
            )
    assert results[f'{SWAPS} swaps'][1] == 0
