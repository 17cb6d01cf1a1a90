"""Say on /diagnostics how the node is doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from builtin_interfaces.msg import Time

    from rtformer_ros.engines.base import EngineDescription
    from rtformer_ros.frame_statistics import StatisticsSnapshot

DROP_CAUSES = {
    'newer frame': 'a newer frame came while it waited',
    'rate limit': 'max_rate_hz',
    'malformed': 'the message could not be read',
    'failed': 'an error while it was segmented',
    'stopped': 'the node was deactivated meanwhile',
}
"""Why a frame that arrived is not segmented although somebody wants it."""

NO_SUBSCRIBER = 'no subscriber'
"""The count of frames left out because nobody subscribes."""

# Share of the frames of one period above which skipping is worth a warning.
_BEHIND_SHARE = 0.1
_SILENT_S = 3.0


@dataclass(frozen=True)
class NodeStatus:
    """
    What the node knows of itself at one moment.

    state: the lifecycle state's label. engine: None while no model is loaded. engine_error: why
    the engine or its loading failed, '' where it did not. topic: the image topic's full name;
    silent_s: seconds since the last frame, None before the first; incompatible_policy: the QoS
    policy by which the camera's publisher was refused; incompatible_outputs: why a subscriber
    gets nothing, by output topic; idle: nobody subscribes and the node is lazy.
    """

    state: str
    engine: EngineDescription | None
    engine_error: str
    topic: str
    publisher_count: int
    silent_s: float | None
    incompatible_policy: str
    incompatible_outputs: Mapping[str, str]
    idle: bool


class Diagnostics:
    """Makes the messages; remembers the last counts, to see what a period brought."""

    def __init__(self, name: str, hardware_id: str) -> None:
        """Take the status's name ('segmentation_node: frames') and the hardware's."""
        self._name = name
        self._hardware_id = hardware_id
        self._last_counts: Mapping[str, int] = {}

    def message(
        self, stamp: Time, status: NodeStatus, statistics: StatisticsSnapshot
    ) -> DiagnosticArray:
        """Return the message for now; frames are judged by what came since the last call."""
        level, text = self._verdict(status, statistics)
        self._last_counts = statistics.counts
        report = DiagnosticStatus(
            level=level,
            name=self._name,
            message=text,
            hardware_id=self._hardware_id,
            values=[
                KeyValue(key=key, value=value) for key, value in _values(status, statistics).items()
            ],
        )
        array = DiagnosticArray(status=[report])
        array.header.stamp = stamp
        return array

    def _verdict(self, status: NodeStatus, statistics: StatisticsSnapshot) -> tuple[bytes, str]:
        if status.engine_error:
            return DiagnosticStatus.ERROR, f'engine failed: {status.engine_error}'
        if status.state != 'active':
            return DiagnosticStatus.OK, f'not active ({status.state})'
        warning = _input_warning(status) or self._frame_warning(statistics)
        if warning:
            return DiagnosticStatus.WARN, warning
        for topic, reason in status.incompatible_outputs.items():
            return DiagnosticStatus.WARN, f'a subscriber of ~/{topic} gets nothing: {reason}'
        if status.idle:
            return DiagnosticStatus.OK, 'idle: nobody subscribes to an output'
        return DiagnosticStatus.OK, f'segmenting at {statistics.output_hz:.1f} Hz'

    def _frame_warning(self, statistics: StatisticsSnapshot) -> str:
        news = {
            cause: count - self._last_counts.get(cause, 0)
            for cause, count in statistics.counts.items()
        }
        for cause in ('failed', 'malformed'):
            if news.get(cause):
                return f'{news[cause]} frame(s) dropped: {DROP_CAUSES[cause]}'
        skipped, received = news.get('newer frame', 0), news.get('received', 0)
        if received and skipped / received > _BEHIND_SHARE:
            return (
                f'falls behind: {statistics.input_hz:.1f} Hz come in, {statistics.output_hz:.1f} '
                'Hz go out; the newest frames are taken, so latency does not grow'
            )
        return ''


def _input_warning(status: NodeStatus) -> str:
    if status.incompatible_policy:
        return (
            f'QoS mismatch on {status.topic}: its publisher offers another '
            f'{status.incompatible_policy} than is asked for; set qos.image.reliability to auto'
        )
    if not status.publisher_count:
        return f'no camera: nobody publishes {status.topic}'
    if status.silent_s is None:
        return f'no frame has come yet on {status.topic}, which has a publisher'
    if status.silent_s > _SILENT_S:
        return f'no frame for {status.silent_s:.0f} s on {status.topic}'
    return ''


def _values(status: NodeStatus, statistics: StatisticsSnapshot) -> dict[str, str]:
    counts, engine = statistics.counts, status.engine
    values = {
        'state': status.state,
        'engine': engine.engine if engine else '',
        'model': str(engine.model) if engine else '',
        'device': engine.device if engine else '',
        'engine detail': engine.detail if engine else '',
        'network size': f'{engine.width}x{engine.height}' if engine else '',
        'image topic': status.topic,
        'publishers': str(status.publisher_count),
        'input rate (Hz)': f'{statistics.input_hz:.2f}',
        'output rate (Hz)': f'{statistics.output_hz:.2f}',
        'frames received': str(counts.get('received', 0)),
        'frames segmented': str(counts.get('segmented', 0)),
        'frames dropped': str(sum(counts.get(cause, 0) for cause in DROP_CAUSES)),
        'frames without subscriber': str(counts.get(NO_SUBSCRIBER, 0)),
    }
    for cause in DROP_CAUSES:
        values[f'dropped: {cause}'] = str(counts.get(cause, 0))
    for stage, times in statistics.stages.items():
        values[f'{stage} p50 (ms)'] = f'{times.p50_ms:.3f}'
        values[f'{stage} p95 (ms)'] = f'{times.p95_ms:.3f}'
        values[f'{stage} max (ms)'] = f'{times.max_ms:.3f}'
    values['last error'] = status.engine_error or statistics.last_error
    return values
