# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Batching decision: whether an engine is quicker with several images at once, as measured."""

from __future__ import annotations

from collections import deque
from statistics import median

# Batches have to save this share of the time an image; less is not worth the time that the first
# image of a batch waits for the last.
_MIN_GAIN = 0.15
_SAMPLES = 5
# Runs after which both ways are tried anew, since a machine's state changes.
_TRIED_AGAIN_AFTER = 1000


class BatchGain:
    """Running comparison of the time an image, alone and in a batch; not thread-safe."""

    def __init__(self) -> None:
        """Start without knowledge: both ways are tried first."""
        self._alone_ms: deque[float] = deque(maxlen=_SAMPLES)
        self._together_ms: deque[float] = deque(maxlen=_SAMPLES)
        self._runs = 0

    @property
    def pays(self) -> bool:
        """Return whether the next run should take several images, where there are several."""
        if len(self._together_ms) < _SAMPLES:
            # In turns, so that other programs disturb both ways alike.
            return len(self._together_ms) < len(self._alone_ms)
        if len(self._alone_ms) < _SAMPLES:
            return False
        # Disturbances make runs longer, and must not make a batch look good.
        return median(self._together_ms) <= (1.0 - _MIN_GAIN) * min(self._alone_ms)

    def note(self, images: int, run_ms: float) -> None:
        """Note how long a run with that many images took."""
        self._runs += 1
        if self._runs % _TRIED_AGAIN_AFTER == 0:
            self._alone_ms.clear()
            self._together_ms.clear()
        if images == 1:
            self._alone_ms.append(run_ms)
        else:
            self._together_ms.append(run_ms / images)
