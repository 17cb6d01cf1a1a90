# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames that an engine takes as they come: real bindings, a simulated GPU."""

from frame_graphs import yuyv_frame
from host_pictures import assert_pictures, LOOKS, painting_of
import numpy as np
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.errors import (
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildNeeded,
    EngineClosed,
    EngineUnavailable,
    ImageError,
    ModelError,
)
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from tensorrt_harness.simulated_frame_plan import SimulatedPicturePlan
from tensorrt_harness.simulated_plan import images


@pytest.mark.usefixtures('frame_plan')
@pytest.mark.parametrize('settings', [
    SegmentSettings(),
    SegmentSettings('letterbox', 'network'),
    SegmentSettings('letterbox', (13, 31), bytes(range(255, -1, -1)), 0.5),
])  # fmt: skip
def test_settings_do_to_frames_what_they_do_to_images(model, settings):
    engine = open_engine(EngineRequest(model, 'tensorrt', frame_encoding='yuyv'))
    assert engine.frame_encodings == {'yuyv'}
    assert (engine.largest_frame, engine.frame_pictures) == ((2160, 3840), frozenset())
    assert 'frames of yuyv as they come (CUDA graph, ' in engine.description.detail
    segmenter = Segmenter(engine, settings)
    for size in ((24, 40), (18, 62), (24, 40)):
        data, planes = yuyv_frame(size)
        result = segmenter.segment_frame('yuyv', planes, size)
        image = decode_image(data, 'yuyv', *size, 2 * size[1], is_bigendian=False)
        expected = segmenter.segment(image)
        assert result.class_map_hw.shape == expected.class_map_hw.shape
        # The host rounds between its steps; near the threshold that shows.
        differs = np.abs(result.class_map_hw.astype(int) - expected.class_map_hw) > 2
        assert differs.mean() <= 0.05
        unasked = segmenter.segment_frame('yuyv', planes, size, with_confidence=False)
        assert np.array_equal(unasked.class_map_hw, result.class_map_hw)
    with pytest.raises(ImageError, match='takes no frames of bgr8, but of yuyv'):
        segmenter.segment_frame('bgr8', (np.zeros((24, 40, 3), np.uint8),), (24, 40))
    engine.close()
    with pytest.raises(EngineClosed):
        segmenter.segment_frame('yuyv', planes, size)


def test_pictures_have_plans_beside_that_for_frames(
    frame_plan, plan, model, stand_ins, cudart, preparations
):
    pictures = {name: name.encode() for name in sorted(PICTURES)}
    preparations.frames = FramePlans(b'frames', pictures).to_bytes()
    answers = {b'plan': lambda: stand_ins.make('ICudaEngine'), b'frames': frame_plan.engine}
    for name, content in pictures.items():
        answers[content] = SimulatedPicturePlan(stand_ins, cudart, 'yuyv', name).engine
    stand_ins.answer(
        'Runtime.deserialize_cuda_engine', lambda runtime, content, *_: answers[content]()
    )
    engine = open_engine(EngineRequest(model, 'tensorrt', frame_encoding='yuyv'))
    assert engine.frame_pictures == PICTURES
    assert engine.description.detail.endswith(', paints color_mask and overlay)')
    asked = {'pictures': PICTURES, 'painting': painting_of(LOOKS)}
    size = (26, 38)
    data, planes = yuyv_frame(size)
    image = decode_image(data, 'yuyv', *size, 2 * size[1], is_bigendian=False)
    result = Segmenter(engine, SegmentSettings()).segment_frame('yuyv', planes, size, **asked)
    assert_pictures(result, image)
    # No overlay where the mask has not the frame's size.
    settings = SegmentSettings('letterbox', (13, 31), bytes(range(255, -1, -1)))
    result = Segmenter(engine, settings).segment_frame('yuyv', planes, size, **asked)
    assert_pictures(result, image, names=['color_mask'])
    engine.close()


@pytest.mark.usefixtures('frame_plan')
@pytest.mark.parametrize(
    'failure', [EngineBuildError('odd'), ModelError('odd'), EngineUnavailable('odd')]
)
def test_without_a_plan_for_frames_the_engine_takes_images(model, preparations, failure, caplog):
    preparations.failure = failure
    engine = open_engine(EngineRequest(model, 'tensorrt', frame_encoding='yuyv'))
    assert (engine.frame_encodings, engine.largest_frame) == (frozenset(), None)
    assert caplog.text.count('odd') == 1
    assert 'no frame goes into the model as it comes: odd' in caplog.text
    assert engine.description.frames_refused == 'odd'
    assert len(engine.infer(images(2))) == 2
    engine.close()


@pytest.mark.usefixtures('frame_plan')
@pytest.mark.parametrize('failure', [EngineBuildCancelled('off'), EngineBuildNeeded('first')])
def test_who_calls_a_build_off_or_does_not_wait_gets_no_engine(model, preparations, failure):
    preparations.failure = failure
    for engine in ('auto', 'tensorrt'):
        with pytest.raises(type(failure)):
            open_engine(EngineRequest(model, engine, frame_encoding='yuyv'))


def test_a_cached_plan_for_frames_that_no_longer_loads_is_built_again(
    frame_plan, model, stand_ins, preparations, caplog
):
    loads = iter([lambda: stand_ins.make('ICudaEngine'), lambda: None, frame_plan.engine])
    stand_ins.answer('Runtime.deserialize_cuda_engine', lambda *_: next(loads)())
    engine = open_engine(EngineRequest(model, 'tensorrt', frame_encoding='yuyv'))
    assert (preparations.forced, preparations.discarded) == ([False, False, True], 1)
    assert engine.frame_encodings == {'yuyv'}
    engine.close()
