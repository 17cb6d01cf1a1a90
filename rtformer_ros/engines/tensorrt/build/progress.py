# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Progress of a build, reported to its caller, and cancellation, passed on to TensorRT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import threading
import time
from typing import Any, TYPE_CHECKING

from rtformer_ros.engines.request import BuildProgress, BuildWatch

if TYPE_CHECKING:
    from rtformer_ros.engines.tensorrt.bindings import Bindings

_INTERVAL_S = 1.0
_ALMOST_PERCENT = 99.0
UNKNOWN_PERCENT = -1.0


class BuildReporter:
    """
    The state of one build, reported about once a second.

    Its own thread reports, so that callers hear something while TensorRT is silent, and asks the
    watch; TensorRT's threads only change the state. The watch is never called from two threads
    at once.
    """

    def __init__(self, watch: BuildWatch, interval_s: float = _INTERVAL_S) -> None:
        """Start the clock; nothing is reported before `running`."""
        self._watch = watch
        self._interval_s = interval_s
        self._started_s = time.monotonic()
        self._phase, self._percent = 'starting TensorRT', UNKNOWN_PERCENT
        self._changed = threading.Event()
        self._is_done = False
        self._cancelled = False
        self._failure: Exception | None = None

    @property
    def is_cancelled(self) -> bool:
        """Return whether the watch called the build off, or failed."""
        return self._cancelled

    def enter(self, phase: str, percent: float = UNKNOWN_PERCENT) -> None:
        """Say what begins now, and report it at once."""
        self.advance(phase, percent)
        self._changed.set()

    def advance(self, phase: str, percent: float) -> None:
        """Say what is done now, as often as you like; the percentage never goes back."""
        self._phase, self._percent = phase, max(self._percent, percent)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Report and ask until the end of the block; what the watch raised is raised then."""
        thread = threading.Thread(target=self._attend, name='build progress', daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_done = True
            self._changed.set()
            thread.join()
            if self._failure is not None:
                raise self._failure

    def _attend(self) -> None:
        while True:
            self._changed.clear()
            if self._is_done:
                return
            try:
                elapsed_s = time.monotonic() - self._started_s
                self._watch.report(BuildProgress(self._phase, self._percent, elapsed_s))
                self._cancelled = self._cancelled or self._watch.is_cancelled()
            except Exception as error:  # noqa: BLE001
                # Raised in the caller's thread, once TensorRT has stopped.
                self._failure, self._cancelled = error, True
                return
            self._changed.wait(self._interval_s)


@dataclass
class _Phase:
    """A phase of TensorRT's that runs: how deep it is nested, its steps, those that are done."""

    name: str
    depth: int
    steps: int
    done: int = 0


class PhaseTree:
    """
    How far TensorRT is, from the phases that it reports; thread-safe.

    Phases are nested and their names and numbers of steps differ by version, so that only their
    arithmetic is used: a phase is as far as its steps that are done and the part of the next one
    that the phases within it have done.
    """

    def __init__(self) -> None:
        """Start without phases."""
        self._lock = threading.Lock()
        self._phases: list[_Phase] = []

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Begin a phase within another (None: within none), with a number of steps."""
        with self._lock:
            outer = [each.depth for each in self._phases if each.name == parent]
            depth = outer[-1] + 1 if outer else 0
            self._phases.append(_Phase(name, depth, max(1, steps)))

    def step(self, name: str, index: int) -> None:
        """Count step number `index`, from 0, of a phase as done."""
        with self._lock:
            for each in self._phases:
                if each.name == name:
                    each.done = max(each.done, min(index + 1, each.steps))

    def finish(self, name: str) -> None:
        """End a phase and what is left within it."""
        with self._lock:
            found = [i for i, each in enumerate(self._phases) if each.name == name]
            if found:
                del self._phases[found[-1]]

    def state(self) -> tuple[str, float]:
        """Return the innermost phase ('' for none) and percent done."""
        with self._lock:
            fraction = 0.0
            deepest = ''
            by_depth = {each.depth: each for each in self._phases}
            for depth in sorted(by_depth, reverse=True):
                phase = by_depth[depth]
                deepest = deepest or phase.name
                fraction = min(1.0, (phase.done + fraction) / phase.steps)
            return deepest, min(_ALMOST_PERCENT, 100 * fraction)


def make_progress_monitor(trt: Bindings, reporter: BuildReporter) -> Any:
    """
    Return an IProgressMonitor that reports to a BuildReporter and stops a build that is cancelled.

    It has to live as long as the builder's configuration. TensorRT 10 and newer.
    """

    class ProgressMonitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        """Translate between TensorRT's threads, where nothing may be raised, and the reporter."""

        def __init__(self) -> None:
            super().__init__()
            self._tree = PhaseTree()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._tree.start(phase_name, parent_phase, num_steps)
            self._tell()

        def phase_finish(self, phase_name: str) -> None:
            self._tree.finish(phase_name)
            self._tell()

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._tree.step(phase_name, step)
            self._tell()
            return not reporter.is_cancelled

        def _tell(self) -> None:
            phase, percent = self._tree.state()
            if phase:
                reporter.advance(phase, percent)

    return ProgressMonitor()
