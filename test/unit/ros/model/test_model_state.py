# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The states of the model loader, and what their status says."""

from pathlib import Path

import pytest
from rtformer_ros.engines import BuildProgress, EngineDescription
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.model.state import (
    activate,
    activate_fallback,
    Building,
    cancel_build,
    clear_errors,
    end_improvement,
    fail_build,
    keep_model,
    NoModel,
    pending_build,
    release,
    Running,
    RunningWhileBuilding,
    start_build,
    start_improvement,
    update_frame_settings,
)
from rtformer_ros.ros.model.status import status_of


def settings(**changes) -> NodeSettings:
    defaults = {name: spec.default for name, spec in SPECS.items()}
    return NodeSettings.from_values({**defaults, **changes})


OLD, NEW, OTHER = (settings(model=name) for name in ('old', 'new', 'other'))
STATES = {
    'no model': NoModel(),
    'no model, with an error': NoModel('no such file'),
    'building': Building(NEW.model),
    'running': Running(OLD),
    'running after a failed build': Running(OLD, 'out of memory', NEW.model),
    'running while it is improved': Running(OLD, 'out of memory', improvement='frames'),
    'running while building': RunningWhileBuilding(OLD, NEW.model),
    'fallback while building': RunningWhileBuilding(OLD, NEW.model, is_fallback=True),
    'with deferred frames': RunningWhileBuilding(OLD, NEW.model, has_deferred_frames=True),
}
every_state = pytest.mark.parametrize('state', STATES.values(), ids=STATES)
OPEN = {name: state for name, state in STATES.items() if hasattr(state, 'settings')}
every_open_state = pytest.mark.parametrize('state', OPEN.values(), ids=OPEN)


def test_first_build_leads_from_no_model_to_running():
    state = start_build(NoModel(), NEW.model)
    assert state == Building(NEW.model)
    assert activate(NEW) == Running(NEW)


def test_fallback_runs_until_the_build_is_done():
    state = activate_fallback(Building(NEW.model), OLD)
    assert state == RunningWhileBuilding(OLD, NEW.model, is_fallback=True)
    assert status_of(state, None, None).is_fallback
    assert not status_of(activate(NEW), None, None).is_fallback


def test_running_model_continues_while_another_is_built():
    assert start_build(Running(OLD), NEW.model) == RunningWhileBuilding(OLD, NEW.model)


def test_fallback_stays_a_fallback_when_another_model_is_built_instead():
    state = start_build(RunningWhileBuilding(OLD, NEW.model, is_fallback=True), OTHER.model)
    assert state == RunningWhileBuilding(OLD, OTHER.model, is_fallback=True)


@every_state
def test_one_build_is_pending_once_it_was_started(state):
    assert pending_build(start_build(state, OTHER.model)) == OTHER.model


@every_state
def test_no_build_is_pending_once_it_was_cancelled(state):
    after = cancel_build(state)
    assert pending_build(after) is None
    assert getattr(after, 'settings', None) == getattr(state, 'settings', None)


def test_cancelling_changes_nothing_where_nothing_is_built():
    for state in (NoModel('no such file'), Running(OLD, 'out of memory', NEW.model)):
        assert cancel_build(state) == state


@every_state
def test_new_build_forgets_the_last_failure(state):
    started = start_build(state, OTHER.model)
    status = status_of(started, None, None)
    assert (status.error, status.build_error) == ('', '')
    failed = fail_build(started, 'worse')
    assert getattr(failed, 'failed_model', OTHER.model) == OTHER.model


def test_failed_build_leaves_no_model_where_none_was_open():
    assert fail_build(Building(NEW.model), 'out of memory') == NoModel('out of memory')


@pytest.mark.parametrize('is_fallback', [False, True])
def test_failed_build_leaves_the_open_model_and_is_remembered(is_fallback):
    state = RunningWhileBuilding(OLD, NEW.model, is_fallback=is_fallback)
    assert fail_build(state, 'out of memory') == Running(OLD, 'out of memory', NEW.model)


def test_an_improvement_is_built_while_the_model_runs_on():
    state = start_improvement(Running(NEW), 'new, and frames of nv12')
    progress = BuildProgress('compiling', 50.0, 1.0)
    status = status_of(state, None, progress)
    assert status.building == 'new, and frames of nv12'
    assert status.progress == progress
    assert pending_build(state) is None
    assert end_improvement(state) == Running(NEW)
    failed = end_improvement(state, 'odd')
    assert failed == Running(NEW, 'odd')
    assert keep_model(failed, NEW) == failed
    # Who asks for another model in the meantime gets that.
    assert start_build(state, OTHER.model) == RunningWhileBuilding(NEW, OTHER.model)


def test_frames_that_the_engine_does_not_take_are_a_warning():
    engine = EngineDescription(
        'tensorrt', 'cuda:0', Path('m.onnx'), 48, 64, LabelSet.generic(2), frames_refused='odd'
    )
    assert status_of(Running(NEW), engine, None).warning == 'frames are prepared on the host: odd'
    failed = status_of(Running(NEW, 'odd too'), engine, None)
    assert failed.warning == 'a build failed: odd too'


def test_engines_that_were_passed_over_are_a_build_error():
    assert status_of(activate(NEW, 'tensorrt: no'), None, None).build_error == 'tensorrt: no'


@every_open_state
def test_keeping_the_model_ends_the_build_of_another_and_allows_another_try(state):
    error, improvement = (getattr(state, name, '') for name in ('build_error', 'improvement'))
    kept = Running(OTHER, error, failed_model=None, improvement=improvement)
    assert keep_model(state, OTHER) == kept


@every_open_state
def test_frame_settings_change_and_the_model_does_not(state):
    wanted = settings(model='new', overlay_alpha=0.25)
    after = update_frame_settings(state, wanted)
    assert after.settings.frame.overlay_alpha == 0.25
    assert after.settings.model == OLD.model
    assert after.settings.values['model'] == 'old'
    assert pending_build(after) == pending_build(state)
    assert getattr(after, 'failed_model', None) == getattr(state, 'failed_model', None)


def test_frame_settings_that_fit_are_deferred_no_longer():
    state = start_build(Running(OLD), NEW.model, has_deferred_frames=True)
    assert state.has_deferred_frames
    assert not update_frame_settings(state, OLD).has_deferred_frames


@every_state
def test_clearing_errors_leaves_all_else(state):
    after = clear_errors(state)
    status = status_of(after, None, None)
    assert (status.error, status.build_error) == ('', '')
    assert type(after) is type(state)
    assert pending_build(after) == pending_build(state)


@every_state
def test_released_loader_has_neither_model_nor_build_but_keeps_its_error(state):
    assert release(state) == NoModel(status_of(state, None, None).error)


def test_progress_is_that_of_a_build():
    progress = BuildProgress('compiling', 50.0, 1.0)
    status = status_of(Building(NEW.model), None, progress)
    assert (status.building, status.progress) == (NEW.model.text, progress)
    # It may be read just after the state changed and before the build has ended.
    assert status_of(Running(OLD), None, progress).progress is None
