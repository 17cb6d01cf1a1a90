# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Status of one camera, for its diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtformer_ros.stream.statistics import Statistics

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

PAUSED = 'paused'
"""The count of frames left out because ~/set_enabled says so."""

# A camera of a few frames a second may take that long for its first.
_FIRST_FRAME_S = 1.0
# Share of the frames of one period above which skipping is worth a warning.
_BEHIND_SHARE = 0.1
_SILENT_S = 3.0


@dataclass(frozen=True)
class CameraStatus:
    """
    Status of one camera at one moment.

    name: '' for the only camera of a node that has no names for them. topic: the image topic's
    full name; silent_s: seconds since the last frame, None before the first; waited_s: since that
    or the subscription; incompatible_policy: the QoS policy by which the camera's publisher is
    refused; image_hint: what the graph has in place of the image, '' while images come or could;
    unserved_outputs: why a subscriber gets nothing, by output topic (~/mask); idle: nobody
    subscribes to an output, so the node does not to the image; is_paused: ~/set_enabled has
    switched it off.
    """

    name: str
    topic: str
    publisher_count: int
    silent_s: float | None
    waited_s: float
    incompatible_policy: str
    image_hint: str
    unserved_outputs: Mapping[str, str]
    idle: bool
    is_paused: bool

    def warning(self, statistics: Statistics, last_counts: Mapping[str, int]) -> str:
        """Return what is wrong, '' for nothing; last_counts: those of a period ago."""
        warning = self.input_warning or _frame_warning(statistics, last_counts)
        if warning:
            return warning
        for topic, reason in self.unserved_outputs.items():
            return f'a subscriber of {topic} gets nothing: {reason}'
        return ''

    def all_well(self, statistics: Statistics) -> str:
        """Return the status in words where there is nothing to warn of."""
        if self.is_paused:
            return 'paused by ~/set_enabled'
        if self.idle:
            return 'idle: nobody subscribes to an output; the camera is there'
        return f'segmenting at {statistics.output_hz:.1f} Hz'

    def values(self) -> dict[str, str]:
        """Return the input as names and values for people."""
        return {
            'enabled': str(not self.is_paused).lower(),
            'image topic': self.topic,
            'publishers': str(self.publisher_count),
        }

    @property
    def input_warning(self) -> str:
        """Return why no image comes, '' where images do."""
        headline = self._headline()
        return f'{headline}; {self.image_hint}' if headline and self.image_hint else headline

    def _headline(self) -> str:
        if self.incompatible_policy:
            return (
                f'QoS mismatch on {self.topic}: its publisher offers another '
                f'{self.incompatible_policy} than is asked for; set qos.image.reliability to auto'
            )
        if not self.publisher_count:
            return f'no camera: nobody publishes {self.topic}'
        if self.idle:
            return f'no publisher of {self.topic} fits' if self.image_hint else ''
        if self.silent_s is None:
            if self.waited_s < _FIRST_FRAME_S:
                return ''
            return f'no frame has come yet on {self.topic}, which has a publisher'
        if self.silent_s > _SILENT_S:
            return f'no frame for {self.silent_s:.0f} s on {self.topic}'
        return ''


def _frame_warning(statistics: Statistics, last_counts: Mapping[str, int]) -> str:
    news = {cause: count - last_counts.get(cause, 0) for cause, count in statistics.counts.items()}
    for cause in ('failed', 'malformed'):
        if news.get(cause, 0) > 0:
            return f'{news[cause]} frame(s) dropped: {DROP_CAUSES[cause]}'
    skipped, received = news.get('newer frame', 0), news.get('received', 0)
    if received > 0 and skipped / received > _BEHIND_SHARE:
        return (
            f'falls behind: {statistics.input_hz:.1f} Hz come in, {statistics.output_hz:.1f} '
            'Hz go out; the newest frames are taken, so latency does not grow'
        )
    return ''


def frame_values(statistics: Statistics) -> dict[str, str]:
    """Return rates, counts and times of frames as names and values for people."""
    counts = statistics.counts
    values = {
        'input rate (Hz)': f'{statistics.input_hz:.2f}',
        'output rate (Hz)': f'{statistics.output_hz:.2f}',
        'frames received': str(counts.get('received', 0)),
        'frames segmented': str(counts.get('segmented', 0)),
        'frames dropped': str(sum(counts.get(cause, 0) for cause in DROP_CAUSES)),
        'frames without subscriber': str(counts.get(NO_SUBSCRIBER, 0)),
        'frames while paused': str(counts.get(PAUSED, 0)),
    }
    for cause in DROP_CAUSES:
        values[f'dropped: {cause}'] = str(counts.get(cause, 0))
    for stage, times in statistics.stages.items():
        values[f'{stage} p50 (ms)'] = f'{times.p50_ms:.3f}'
        values[f'{stage} p95 (ms)'] = f'{times.p95_ms:.3f}'
        values[f'{stage} max (ms)'] = f'{times.max_ms:.3f}'
    return values
