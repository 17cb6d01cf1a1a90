# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The rounds of a soak: what is sent, what is changed meanwhile, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
import itertools
import os
from pathlib import Path
import random
import time
from typing import Any

from closed_form_models import brightest_channel
from fuzzed_messages import (
    calibration,
    depth_image,
    fuzzed_calibration,
    fuzzed_depth,
    fuzzed_image,
    fuzzed_picture,
    picture,
    raw_image,
)
from nav_msgs.msg import OccupancyGrid
from node_process import NodeProcess
from observed_camera import MaskRules, ObservedCamera, STALL_S
from parameter_sets import HARMLESS_SETS
from process_record import ProcessRecord, starved_s
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_peer import NODE, noise, RosPeer, values_of
from sensor_msgs.msg import CameraInfo, LaserScan, PointCloud2

SEED = 7
FRAMES, FUZZED, SWAPS, SETS = 1010, 410, 3, 10
"""Of each round, if there is time; each kind of image is fuzzed in every second one."""

ORDERS = list(itertools.permutations(range(3)))
CAMERAS = ([], ['front'], ['front', 'left'], ['left'], ['right', 'front', 'left'])
LOST_S = 10.0
_PATIENCE_S = 60.0
_LEAST_FRAMES = 20
_COUNTED = ('dropped: malformed', 'dropped: newer frame')


class Soak:
    """The run: one node, one peer, and what was counted."""

    def __init__(self, folder: Path) -> None:
        self.rng = random.Random(SEED)
        self.models = {o: brightest_channel(folder / f'{o}.onnx', channel_order=o) for o in ORDERS}
        (folder / 'broken.onnx').write_bytes(b'this is no model')
        self.count: Counter[str] = Counter()
        self.faults: list[str] = []
        self.rules = MaskRules()
        self.peer = RosPeer()
        self.node = NodeProcess(
            folder / 'node.log',
            {
                'model': self.models[self.rules.order],
                'engine': 'onnxruntime',
                'threads': 1,
                'camera.height_m': 1.0,
                'camera.pitch_deg': 20.0,
                'diagnostics_period_s': 0.5,
            },
        )
        self.record = ProcessRecord(self.node.process.pid)
        self.peer.wait_for(lambda: self.peer.state() == 'active', 'the node to be active')
        names = sorted({'', *itertools.chain(*CAMERAS)})
        self.observed = {
            name: ObservedCamera(self.peer, name, self.count, self.faults) for name in names
        }
        self.outputs: Counter[str] = Counter()
        for kind, topic in (
            (OccupancyGrid, 'costmap'),
            (LaserScan, 'scan'),
            *((PointCloud2, f'{name}/points'.lstrip('/')) for name in names),
            (CameraInfo, 'camera_info'),
        ):
            self.peer.node.create_subscription(
                kind,
                f'{NODE}/{topic}',
                lambda _, t=topic: self.outputs.update([t.rpartition('/')[2]]),
                10,
            )
        self.images = [noise(seed=seed) for seed in range(64)]
        self.active = [self.observed['']]
        self.is_raw = True
        # What is under way: (the answer, what follows of it, what may hold meanwhile).
        self._pending: tuple[Any, Callable[[Any], None], frozenset[MaskRules]] | None = None
        self._last_drops: dict[str, int] = {}
        self.peer.watch_diagnostics()

    def close(self) -> None:
        self.node.kill()
        self.peer.close()

    # ---- a round -----------------------------------------------------------------------------

    def run_round(self, number: int, end_s: float, round_s: float) -> None:
        """
        Change the cameras, send frames while all kinds of things happen, and restart.

        end_s: when, on the monotonic clock, the frames should end; round_s: how long a round takes
        on the average. One that is slow may take twice that to send its broken messages, and the
        others are shorter.
        """
        self._change_cameras(CAMERAS[number % len(CAMERAS)], is_raw=number % 2 == 0)
        changes, fuzz = self._changes(), self._fuzz()
        begin_s = time.monotonic()
        pause_s = max(0.0, end_s - begin_s) / (SWAPS + SETS + 1)
        switched_s = begin_s
        for index in range(max(FRAMES // len(self.active), FUZZED)):
            now_s = time.monotonic()
            is_complete = index >= FUZZED or now_s > begin_s + 2 * round_s
            if now_s > end_s and is_complete and index > _LEAST_FRAMES:
                break
            if self._pending is None and now_s - switched_s > pause_s:
                switched_s = now_s
                next(changes, lambda: None)()
            self._exchange_frames(index)
            next(fuzz, None)
        self._finish_change()
        for change in changes:
            change()
            self._finish_change()
        self._count_drops()
        self._restart(with_cleanup=number % 2 == 1)

    def _finish_change(self) -> None:
        while self._pending is not None:
            self._exchange_frames(0)

    def _count_drops(self) -> None:
        """Add up what the node says it has dropped; its counts begin anew with its cameras."""
        name = f'{NODE[1:]}: segmentation'
        status = self.peer.wait_for_diagnostic(lambda s: s.name == name, 'diagnostics')
        values = values_of(status)
        for key in _COUNTED:
            value, last = int(values[key]), self._last_drops.get(key, 0)
            self.count[key] += value - last if value >= last else value
            self._last_drops[key] = value

    def _exchange_frames(self, index: int) -> None:
        """Send an image of each camera and wait for all masks."""
        rules = self._pending[2] if self._pending else frozenset({self.rules})
        waiting = {}
        for offset, each in enumerate(self.active):
            image = self.images[(index * 7 + offset) % len(self.images)]
            message = raw_image(image) if self.is_raw else picture(image)
            waiting[each] = each.send(message, image, rules)
            self.count['frames'] += 1
        processes = (self.node.process.pid, os.getpid())
        sent_s, starved_before_s = time.monotonic(), starved_s(*processes)
        while any(number not in each.answered for each, number in waiting.items()):
            assert self.node.is_alive, f'the node ended: {self.node.output[-2000:]}'
            self.peer.executor.spin_once(timeout_sec=0.02)
            if time.monotonic() - sent_s > LOST_S:
                self._note('lost frames', f'no mask of {sorted(waiting.values())}')
                break
        waited_s = time.monotonic() - sent_s
        if waited_s > STALL_S:
            core_s = starved_s(*processes) - starved_before_s
            what = f'{waited_s:.2f} s, of which {core_s:.2f} s without a core'
            self._note('stalls' if waited_s - core_s > STALL_S else 'waits for a core', what)
        self._attend()

    def _note(self, kind: str, what: str) -> None:
        self.count[kind] += 1
        if kind != 'waits for a core':
            self.faults.append(f'{kind}: {what}; load average {os.getloadavg()[0]:.1f}')

    def _fuzz(self) -> Iterator[None]:
        """Send broken messages, one of each kind that is listened to at a time."""
        for _ in range(FUZZED):
            each = self.rng.choice(self.active)
            rules = self._pending[2] if self._pending else frozenset({self.rules})
            image = self.rng.choice(self.images)
            make = fuzzed_image if self.is_raw else fuzzed_picture
            fuzzed = make(self.rng, image)
            each.send(
                fuzzed.message,
                fuzzed.image_hwc,
                rules,
                self.rng.choice(('', '\x1b[2J', 'x' * 500)),
            )
            self.count['fuzzed images' if self.is_raw else 'fuzzed compressed images'] += 1
            if self.rng.random() < 0.5:
                each.camera.infos.publish(fuzzed_calibration(self.rng))
                self.count['fuzzed calibrations'] += 1
            if self.rng.random() < 0.5:
                each.send_depth(fuzzed_depth(self.rng))
                self.count['fuzzed depth images'] += 1
            # It is taken up before the next image, which would replace it, comes.
            self.peer.spin_for(0.002)
            yield
            if self.rng.random() < 0.3:
                each.camera.infos.publish(calibration())
                each.send_depth(depth_image())

    # ---- changes -----------------------------------------------------------------------------

    def _changes(self) -> Iterator[Callable[[], None]]:
        kinds = [self._swap] * SWAPS + [self._set] * (SETS - 2) + [self._threshold, self._merge]
        self.rng.shuffle(kinds)
        return iter(kinds)

    def _swap(self) -> None:
        order = self.rng.choice([each for each in ORDERS if each != self.rules.order])
        self._ask('model', str(self.models[order]), order=order)
        self.count['swaps'] += 1

    def _threshold(self) -> None:
        self._ask_set('confidence_threshold', self.rng.choice(((0.0, 0), (0.7, 178), (0.9, 230))))

    def _ask_set(self, name: str, choice: tuple[float, int]) -> None:
        self._ask(name, choice[0], threshold=choice[1])
        self.count['parameter sets'] += 1

    def _merge(self) -> None:
        merged = self.rng.random() < 0.5
        self._ask('class_remap', 'red=green' if merged else '', merged=merged)
        self.count['parameter sets'] += 1

    def _set(self) -> None:
        name, value, is_accepted = self.rng.choice(HARMLESS_SETS)
        self._ask(name, value, is_accepted=is_accepted)
        self.count['parameter sets'] += 1

    def _ask(self, name: str, value: Any, *, is_accepted: bool = True, **rules: Any) -> None:
        new = MaskRules(**{**vars(self.rules), **rules})

        def settle(result: Any) -> None:
            if result.successful != is_accepted:
                self._note('wrong answers', f'{name}={value!r}: {result}')
            if result.successful:
                self.rules = new

        # Broken messages are not waited for: some may still be on their way.
        for each in self.active:
            each.allow(new)
        self._pending = (self._future(name, value), settle, frozenset({self.rules, new}))

    def _future(self, name: str, value: Any) -> Any:
        message = Parameter(name, value=value).to_parameter_msg()
        client = self.peer._client(SetParameters, f'{NODE}/set_parameters')
        return client.call_async(SetParameters.Request(parameters=[message]))

    def _attend(self) -> None:
        if self._pending is not None and self._pending[0].done():
            future, settle, _ = self._pending
            settle(future.result().results[0])
            self._pending = None

    # ---- between frames -----------------------------------------------------------------------

    def _change_cameras(self, names: list[str], *, is_raw: bool) -> None:
        self.active = [self.observed[name] for name in names or ['']]
        result = self.peer.set_atomically(
            {'cameras': names, 'image_transport': 'raw' if is_raw else 'compressed'}
        )
        if not result.successful:
            self._note('wrong answers', f'cameras={names}: {result.reason}')
        self.is_raw = is_raw
        self.count['camera changes'] += 1
        self._meet()

    def _restart(self, *, with_cleanup: bool) -> None:
        labels = ('deactivate', 'cleanup', 'configure', 'activate')
        for label in labels if with_cleanup else ('deactivate', 'activate'):
            if not self.peer.change_state(label):
                self._note('wrong answers', f'{label} was refused')
            self.count['lifecycle transitions'] += 1
        self._meet()

    def _meet(self) -> None:
        """Send images of each camera, which do not count, until masks of all come."""
        for each in self.active:
            give_up_s, sent_s, numbers = time.monotonic() + _PATIENCE_S, 0.0, set()
            while not numbers & each.answered:
                assert self.node.is_alive, f'the node ended: {self.node.output[-2000:]}'
                assert time.monotonic() < give_up_s, f'{each.output} is silent'
                if time.monotonic() - sent_s > 0.5:
                    sent_s = time.monotonic()
                    message = raw_image(self.images[0]) if self.is_raw else picture(self.images[0])
                    rules = frozenset({self.rules})
                    numbers.add(each.send(message, self.images[0], rules))
                self.peer.executor.spin_once(timeout_sec=0.02)
        for each in self.active:
            self.peer.wait_for(lambda c=each: self._is_heard_reliably(c), 'the QoS to be ours')
        self.peer.spin_for(0.3)

    def _is_heard_reliably(self, each: ObservedCamera) -> bool:
        """Tell whether the node follows the QoS of the camera, which it looks at once a second."""
        publisher = each.camera.images if self.is_raw else each.camera.compressed
        infos = self.peer.node.get_subscriptions_info_by_topic(publisher.topic_name)
        wanted = publisher.qos_profile.reliability
        return [info.qos_profile.reliability for info in infos] == [wanted]
