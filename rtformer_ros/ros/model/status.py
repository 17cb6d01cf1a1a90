# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The status of the model loader: which model runs and which is being built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtformer_ros.ros.model.state import NoModel, OpenState, pending_build, Running

if TYPE_CHECKING:
    from rtformer_ros.engines import BuildProgress, EngineDescription
    from rtformer_ros.ros.model.state import LoaderState


@dataclass(frozen=True)
class ModelStatus:
    """
    What runs, and what is being built.

    engine: None while no model is loaded; error: why it could not be, '' where that is not so.
    is_fallback: the engine fills in for the one that is being built or cannot be had. building:
    what is being built, '' for nothing; progress: how far it is. build_error: why the last build
    failed while another engine continued to run, or why the fallback does, '' where neither is so.
    """

    engine: EngineDescription | None
    error: str
    is_fallback: bool
    building: str
    progress: BuildProgress | None
    build_error: str

    @property
    def warning(self) -> str:
        """
        Return what somebody should know, '' for nothing.

        A build beside an engine that was asked for is no reason: that engine continues to run.
        """
        if self.progress is not None and self.engine is None:
            return f'building {self.building}: {progress_text(self.progress)}'
        if self.progress is not None and self.is_fallback:
            return (
                f'the fallback engine {self.engine.engine if self.engine else ""} fills in while '
                f'{self.building} is built: {progress_text(self.progress)}'
            )
        if self.is_fallback and self.progress is None:
            return (
                f'the fallback engine {self.engine.engine if self.engine else ""} runs in place '
                f'of the one that was asked for: {self.build_error}'
            )
        if self.build_error:
            return f'a build failed: {self.build_error}'
        if self.engine and self.engine.frames_refused:
            return f'frames are prepared on the host: {self.engine.frames_refused}'
        return self.engine.labels_warning if self.engine else ''

    def build_values(self) -> dict[str, str]:
        """Return the build as names and values for people."""
        progress = self.progress
        percent = progress.percent if progress else -1.0
        return {
            'building': self.building,
            'build phase': progress.phase if progress else '',
            'build percent': f'{percent:.0f}' if percent >= 0 else '',
            'build elapsed (s)': f'{progress.elapsed_s:.1f}' if progress else '',
            'build error': self.build_error,
        }


def status_of(
    state: LoaderState, engine: EngineDescription | None, progress: BuildProgress | None
) -> ModelStatus:
    """Return the status of a loader; engine: the open one; progress: of the build, if any."""
    building = _building_text(state)
    return ModelStatus(
        engine=engine,
        error=state.error if isinstance(state, NoModel) else '',
        is_fallback=isinstance(state, OpenState) and state.is_fallback,
        building=building,
        progress=progress if building else None,
        build_error=state.build_error if isinstance(state, Running) else '',
    )


def _building_text(state: LoaderState) -> str:
    if isinstance(state, Running):
        return state.improvement
    building = pending_build(state)
    return building.text if building else ''


def engine_text(engine: EngineDescription) -> str:
    """Return one line about a model and the engine that runs it."""
    return (
        f'{engine.model.name} ({engine.width}x{engine.height}, {len(engine.labels)} classes) with '
        f'{engine.engine} on {engine.device} ({engine.detail})'
    )


def progress_text(progress: BuildProgress) -> str:
    """Return how far a build is: phase, percent where known, seconds."""
    percent = f'{progress.percent:.0f} %, ' if progress.percent >= 0 else ''
    return f'{progress.phase}, {percent}{progress.elapsed_s:.0f} s'
