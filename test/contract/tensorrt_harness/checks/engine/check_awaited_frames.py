# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames that an engine takes once their plan is built, while it runs."""

from frame_graphs import yuyv_frame
import numpy as np
import pytest
from rtformer_ros.engines import BuildWatch, EngineRequest, open_engine
from rtformer_ros.engines.tensorrt.build import find_or_build
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildNeeded,
    EngineClosed,
)
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from tensorrt_harness.simulated_plan import images
from tensorrt_harness.simulated_preparations import prepared


def assert_red(engine, count):
    """Check what a plan of `frame_plan` returns for so many images."""
    assert np.array_equal(engine.infer(images(count)).class_map_nhw, images(count)[..., 0])


@pytest.fixture
def waiting(frame_plan, model, preparations, caplog):
    """Return an engine whose plan for frames has to be built first."""
    preparations.failure = EngineBuildNeeded('first')
    request = EngineRequest(
        model, 'tensorrt', frame_encoding='yuyv', frames_later=True, may_build=False
    )
    engine = open_engine(request)
    assert (engine.awaited_frames, engine.frame_encodings) == ('yuyv', frozenset())
    assert 'frames of yuyv on the host until their plan is built' in engine.description.detail
    assert 'no frame goes' not in caplog.text
    yield engine
    engine.close()


def test_frames_come_later_and_images_go_on_meanwhile(waiting, preparations):
    heard = []

    def prepare(request, **_):
        assert (request.frame_encoding, request.may_build) == ('yuyv', True)
        assert_red(waiting, 2)
        request.watch.report('half way')
        return prepared(request, is_new=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find_or_build, 'prepare_plan', prepare)
        waiting.add_frames(BuildWatch(heard.append))
    assert heard == ['half way']
    described = waiting.description
    assert (waiting.awaited_frames, waiting.frame_encodings) == ('', {'yuyv'})
    assert (waiting.largest_frame, described.frames_refused) == ((2160, 3840), '')
    assert 'frames of yuyv as they come (CUDA graph, ' in described.detail
    assert 'on the host' not in described.detail
    _, planes = yuyv_frame((24, 40))
    result = Segmenter(waiting, SegmentSettings()).segment_frame('yuyv', planes, (24, 40))
    assert result.class_map_hw.shape == (24, 40)
    assert_red(waiting, 1)


@pytest.mark.parametrize('failure', [EngineBuildError('odd'), ConfigError('odd')])
def test_frames_that_fail_later_are_awaited_no_more(waiting, preparations, failure):
    preparations.failure = failure
    with pytest.raises(type(failure), match='odd'):
        waiting.add_frames(BuildWatch())
    assert (waiting.awaited_frames, waiting.frame_encodings) == ('', frozenset())
    assert waiting.description.frames_refused == 'odd'
    assert 'frames of yuyv' not in waiting.description.detail
    assert_red(waiting, 1)


def test_frames_that_were_called_off_may_be_asked_for_again(waiting, preparations):
    preparations.failure = EngineBuildCancelled('off')
    with pytest.raises(EngineBuildCancelled):
        waiting.add_frames(BuildWatch())
    assert waiting.awaited_frames == 'yuyv'
    preparations.failure = None
    waiting.add_frames(BuildWatch())
    assert waiting.frame_encodings == {'yuyv'}


def test_frames_that_come_after_the_end_leave_nothing_behind(waiting, preparations, cudart):
    preparations.failure = None
    waiting.close()
    with pytest.raises(EngineClosed):
        waiting.add_frames(BuildWatch())
    assert cudart.leaks == []


def test_a_cached_plan_for_frames_that_no_longer_loads_is_built_later(
    frame_plan, model, stand_ins, preparations
):
    loads = iter([lambda: stand_ins.make('ICudaEngine'), lambda: None, frame_plan.engine])
    stand_ins.answer('Runtime.deserialize_cuda_engine', lambda *_: next(loads)())
    request = EngineRequest(model, 'tensorrt', frame_encoding='yuyv', frames_later=True)
    engine = open_engine(request)
    assert (engine.awaited_frames, engine.frame_encodings) == ('yuyv', frozenset())
    assert (preparations.forced, preparations.discarded) == ([False, False], 1)
    assert_red(engine, 1)
    engine.add_frames(BuildWatch())
    assert engine.frame_encodings == {'yuyv'}
    engine.close()


def test_frames_with_a_plan_at_hand_are_not_awaited(frame_plan, model):
    request = EngineRequest(model, 'tensorrt', frame_encoding='yuyv', frames_later=True)
    engine = open_engine(request)
    assert (engine.awaited_frames, engine.frame_encodings) == ('', {'yuyv'})
    engine.close()
