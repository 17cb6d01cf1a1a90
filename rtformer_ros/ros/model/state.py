# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
The state of the model loader and its transitions, as pure functions from state to state.

    NoModel <-> Building -> RunningWhileBuilding <-> Running

What the transitions stand for (opening, building, closing) is done by ModelLoader.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtformer_ros.ros.interface.node_settings import NodeSettings
    from rtformer_ros.ros.interface.settings import ModelSettings


@dataclass(frozen=True)
class NoModel:
    """No model is open or being built; error: why the last one could not be opened, or ''."""

    error: str = ''


@dataclass(frozen=True)
class Building:
    """No model is open; one is being built, or was built and waits to be used."""

    building: ModelSettings


@dataclass(frozen=True)
class Running:
    """
    A model is open and no other is being built.

    settings: what the model was opened and the frames are configured with. build_error: why the
    last build failed or passed over better engines, '' for none. failed_model: the one whose build
    failed, or whose engine cannot be had; it is not tried again unless something else was asked
    for in between. is_fallback: the open model runs in place of that one. improvement: what is
    being built, or was built a moment ago, to run this same model better; '' for nothing.
    """

    settings: NodeSettings
    build_error: str = ''
    failed_model: ModelSettings | None = None
    is_fallback: bool = False
    improvement: str = ''


@dataclass(frozen=True)
class RunningWhileBuilding:
    """
    A model is open while another is being built, or was built and waits to be used.

    settings: as in Running. is_fallback: the open model only runs until the build is done.
    has_deferred_frames: the frame settings that were asked for fit the model that is being built
    and not the open one.
    """

    settings: NodeSettings
    building: ModelSettings
    is_fallback: bool = False
    has_deferred_frames: bool = False


OpenState = Running | RunningWhileBuilding
"""The states with an open model."""

BuildState = Building | RunningWhileBuilding
"""The states with a build whose result was not used yet."""

LoaderState = NoModel | Building | Running | RunningWhileBuilding


def pending_build(state: LoaderState) -> ModelSettings | None:
    """Return what is being built, or was built and waits to be used; None for nothing."""
    return state.building if isinstance(state, BuildState) else None


def fills_in_for(state: LoaderState, model: ModelSettings) -> bool:
    """Return whether the open model runs because the engine and device of that cannot be had."""
    if not isinstance(state, Running) or not state.is_fallback or state.failed_model is None:
        return False
    missing = state.failed_model
    return (missing.engine, missing.device) == (model.engine, model.device)


def clear_errors(state: LoaderState) -> LoaderState:
    """Forget what went wrong before."""
    if isinstance(state, NoModel):
        return NoModel()
    return replace(state, build_error='') if isinstance(state, Running) else state


def start_build(
    state: LoaderState, model: ModelSettings, *, has_deferred_frames: bool = False
) -> BuildState:
    """Build a model instead of what was being built; what is open continues to run."""
    if isinstance(state, NoModel | Building):
        return Building(model)
    return RunningWhileBuilding(
        state.settings,
        model,
        is_fallback=isinstance(state, RunningWhileBuilding) and state.is_fallback,
        has_deferred_frames=has_deferred_frames,
    )


def cancel_build(state: LoaderState) -> NoModel | Running:
    """Give up what is being built."""
    if isinstance(state, Building):
        return NoModel()
    if isinstance(state, Running):
        return replace(state, improvement='')
    return Running(state.settings) if isinstance(state, RunningWhileBuilding) else state


def activate(settings: NodeSettings, build_error: str = '') -> Running:
    """Run the model that was asked for, from whatever state."""
    return Running(settings, build_error)


def start_improvement(state: Running, improvement: str) -> Running:
    """Build what runs the open model better; meanwhile it continues to run as it is."""
    return replace(state, improvement=improvement)


def end_improvement(state: Running, error: str = '') -> Running:
    """Have built that, or not, for a reason that is remembered."""
    return replace(state, improvement='', build_error=error or state.build_error)


def activate_fallback(state: BuildState, settings: NodeSettings) -> RunningWhileBuilding:
    """Run another model until the one that is being built is there."""
    return RunningWhileBuilding(settings, state.building, is_fallback=True)


def activate_substitute(settings: NodeSettings, wanted: ModelSettings, reason: str) -> Running:
    """Run another model in place of one whose engine cannot be had here."""
    return Running(settings, build_error=reason, failed_model=wanted, is_fallback=True)


def keep_model(state: OpenState, settings: NodeSettings) -> Running:
    """Stay with the open model, which is what is asked for, and give up building another."""
    if isinstance(state, RunningWhileBuilding) or state.is_fallback:
        return Running(settings)
    return Running(settings, state.build_error, improvement=state.improvement)


def update_frame_settings(state: OpenState, settings: NodeSettings) -> OpenState:
    """Configure the frames of the open model with other settings."""
    settings = settings.with_model_of(state.settings)
    if isinstance(state, Running):
        return replace(state, settings=settings)
    return replace(state, settings=settings, has_deferred_frames=False)


def fail_build(state: BuildState, reason: str) -> NoModel | Running:
    """Stay without the model that was being built."""
    if isinstance(state, Building):
        return NoModel(reason)
    return Running(state.settings, build_error=reason, failed_model=state.building)


def release(state: LoaderState) -> NoModel:
    """Close the model and give up what is being built; why none could be opened is kept."""
    return state if isinstance(state, NoModel) else NoModel()
