# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: status of the node and its cameras as a diagnostic_msgs/DiagnosticArray."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rtformer_ros.ros.node.camera_status import frame_values
from rtformer_ros.stream.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from builtin_interfaces.msg import Time
    from rtformer_ros.ros.model.status import ModelStatus
    from rtformer_ros.ros.node.camera_status import CameraStatus

    CameraReport = tuple[CameraStatus, Statistics]
    Verdict = tuple[bytes, str]


@dataclass(frozen=True)
class NodeStatus:
    """
    Status of the node at one moment.

    state: the lifecycle state's label. transition_error: the exception that ended the last
    transition, callback_error: of a callback or thread since then, each '' where there was none.
    model: what runs and what is being built. frame_error:
    how the engine failed on the last frame, '' where it did not. busy_s: seconds that went into
    frames since the activation; engine_runs: runs since then, which may be fewer than frames.
    """

    state: str
    transition_error: str
    callback_error: str
    model: ModelStatus
    frame_error: str
    busy_s: float
    engine_runs: int


class Diagnostics:
    """
    Diagnostics of the node: makes the messages, and judges what came since the last one.

    A message has a status for the node and one for each camera; a single camera without a name
    shares the node's.
    """

    def __init__(self, node_name: str, hardware_id: str) -> None:
        """Take the node's name, which each status begins with, and the hardware's."""
        self._node_name = node_name
        self._hardware_id = hardware_id
        self._last_counts: dict[str, Mapping[str, int]] = {}

    def message(
        self, stamp: Time, node: NodeStatus, cameras: Sequence[CameraReport]
    ) -> DiagnosticArray:
        """Return the message for now; frames are judged by what came since the last call."""
        verdicts = [self._camera_verdict(node, *camera) for camera in cameras]
        self._last_counts = {status.name: frames.counts for status, frames in cameras}
        array = DiagnosticArray(status=[self._node_report(node, cameras, verdicts)])
        array.header.stamp = stamp
        for (status, frames), verdict in zip(cameras, verdicts, strict=True):
            if status.name:
                values = {**status.values(), **frame_values(frames)}
                values['last error'] = frames.last_error
                array.status.append(self._report(status.name, verdict, values))
        return array

    def _node_report(
        self, node: NodeStatus, cameras: Sequence[CameraReport], verdicts: Sequence[Verdict]
    ) -> DiagnosticStatus:
        frames = _sum([frames for _, frames in cameras])
        names = [status.name for status, _ in cameras]
        values = _node_values(node)
        if names == ['']:
            values |= cameras[0][0].values()
            verdict = verdicts[0]
        else:
            values['cameras'] = ', '.join(names)
            verdict = _worst(names, verdicts, frames)
        values |= frame_values(frames)
        values['busy (s)'] = f'{node.busy_s:.3f}'
        values['engine runs'] = str(node.engine_runs)
        errors = (
            node.transition_error,
            node.model.error,
            node.frame_error,
            node.callback_error,
            node.model.build_error,
        )
        values['last error'] = next(filter(None, errors), frames.last_error)
        return self._report('segmentation', _both(_node_verdict(node), verdict), values)

    def _camera_verdict(
        self, node: NodeStatus, camera: CameraStatus, frames: Statistics
    ) -> Verdict:
        if node.state != 'active':
            return DiagnosticStatus.OK, f'not active ({node.state})'
        warning = camera.warning(frames, self._last_counts.get(camera.name, {}))
        if warning:
            return DiagnosticStatus.WARN, warning
        return DiagnosticStatus.OK, camera.all_well(frames)

    def _report(self, name: str, verdict: Verdict, values: Mapping[str, str]) -> DiagnosticStatus:
        level, text = verdict
        return DiagnosticStatus(
            level=level,
            name=f'{self._node_name}: {name}',
            message=text,
            hardware_id=self._hardware_id,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def _node_verdict(node: NodeStatus) -> Verdict | None:
    """Return level and message of the node itself, None where the cameras decide."""
    if node.transition_error:
        return DiagnosticStatus.ERROR, f'a transition failed: {node.transition_error}'
    engine_error = node.model.error or node.frame_error
    if engine_error:
        return DiagnosticStatus.ERROR, f'engine failed: {engine_error}'
    if node.callback_error:
        return DiagnosticStatus.ERROR, f'an error that nobody expected: {node.callback_error}'
    if node.model.warning:
        return DiagnosticStatus.WARN, node.model.warning
    return None


def _both(node: Verdict | None, cameras: Verdict) -> Verdict:
    """Return the node's verdict, with the cameras' where both warn: neither hides the other."""
    if node is None:
        return cameras
    level, text = node
    return level, f'{text}; {cameras[1]}' if level == cameras[0] else text


def _worst(names: Sequence[str], verdicts: Sequence[Verdict], frames: Statistics) -> Verdict:
    """Return the first of the verdicts with the highest level, and whose it is."""
    level = max(level for level, _ in verdicts)
    troubled = [
        f'{name}: {text}'
        for name, (lev, text) in zip(names, verdicts, strict=True)
        if lev == level
    ]
    if level != DiagnosticStatus.OK:
        others = f' ({len(troubled)} of {len(names)} cameras)' if len(names) > 1 else ''
        return level, f'{troubled[0]}{others}'
    texts = {text for _, text in verdicts}
    if len(texts) == 1:
        return level, texts.pop()
    return level, f'segmenting {len(names)} cameras at {frames.output_hz:.1f} Hz'


def _sum(parts: Sequence[Statistics]) -> Statistics:
    """Return counts and rates of all together; times are those of a single one alone."""
    if len(parts) == 1:
        return parts[0]
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Statistics(
        counts=counts,
        input_hz=sum(part.input_hz for part in parts),
        output_hz=sum(part.output_hz for part in parts),
        stages={},
        last_error=next(filter(None, (part.last_error for part in parts)), ''),
    )


def _node_values(node: NodeStatus) -> dict[str, str]:
    engine = node.model.engine
    return {
        'state': node.state,
        'engine': engine.engine if engine else '',
        'model': str(engine.model) if engine else '',
        'device': engine.device if engine else '',
        'engine detail': engine.detail if engine else '',
        'labels': engine.labels.name if engine else '',
        'labels warning': engine.labels_warning if engine else '',
        'engines passed over': engine.passed_over if engine else '',
        **node.model.build_values(),
        'network size': f'{engine.width}x{engine.height}' if engine else '',
    }
