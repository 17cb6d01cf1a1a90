# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Open ONNX files and plan files as the node does: real bindings, a simulated GPU."""

from pathlib import Path
import threading

import cv2
from host_pictures import assert_pictures, LOOKS, painting_of
import numpy as np
import pytest
from rtformer_ros.engines import BuildWatch, EngineRequest, needs_build, open_engine
from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.frames.picture_frame import encoded_picture
from rtformer_ros.engines.tensorrt.build import find_or_build
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.frames import frame_runner
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.engines.tensorrt.plans.key import PlanKey, Target
from rtformer_ros.engines.tensorrt.plans.record import PlanRecord
from rtformer_ros.engines.tensorrt.run import runner
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildNeeded,
    EngineClosed,
    EngineError,
    EngineUnavailable,
    ImageError,
    ModelError,
)
from rtformer_ros.imaging.encodings import decode_image, frame_planes
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from simulated_cudart import SimulatedCudart, Status
from tensorrt_harness.simulated_frame_plan import SimulatedFramePlan, SimulatedPicturePlan
from tensorrt_harness.simulated_plan import assert_ours, HEIGHT, images, SimulatedPlan, WIDTH

FIVE = LabelSet.generic(5, 'five')
TARGET = Target('10.3.0.26', Gpu('Orin', '8.7', 16))


def prepared(request, *, is_new, frames=b'frames'):
    encoding = request.frame_encoding
    key = PlanKey('0' * 64, TARGET, 'fp16', 1024, 3, 1, frame_encoding=encoding)
    record = PlanRecord(key, 'm.onnx', '0' * 64, 4, 'fp16', 3, 1.0, 12.3, '', {}, True)
    metadata = ModelMetadata(labels=FIVE, height=HEIGHT, width=WIDTH)
    content = frames if encoding else b'plan'
    return find_or_build.PreparedPlan(content, None, record, metadata, is_new)


class Preparations:
    """
    Takes the place of the builder and the cache.

    is_new: which of them gives the plan; failure: what comes of that for frames instead; frames:
    what the plan for these is.
    """

    def __init__(self):
        self.is_new = False
        self.failure = None
        self.frames = b'frames'
        self.forced, self.discarded = [], 0

    def discard_plan(self, plan):
        assert not plan.is_new
        self.discarded += 1

    def prepare_plan(self, request, *, target, force=False):
        assert target == TARGET
        if self.failure and request.frame_encoding:
            raise self.failure
        self.forced.append(force)
        return prepared(request, is_new=self.is_new or force, frames=self.frames)


@pytest.fixture
def preparations(monkeypatch):
    made = Preparations()
    monkeypatch.setattr(find_or_build, 'find_target', lambda request: TARGET)
    monkeypatch.setattr(find_or_build, 'prepare_plan', made.prepare_plan)
    monkeypatch.setattr(find_or_build, 'discard_plan', made.discard_plan)
    return made


@pytest.fixture
def cudart(monkeypatch):
    made = SimulatedCudart()
    for each in (runner, frame_runner):
        monkeypatch.setattr(each, 'open_cuda', lambda index: Cudart(made, index))
    yield made
    assert made.leaks == []


@pytest.fixture
def plan(stand_ins, cudart, preparations):
    return SimulatedPlan(stand_ins, cudart).install()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / 'm.onnx'
    path.write_bytes(b'an ONNX model')
    return path


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / 'other.engine'
    path.write_bytes(b'plan')
    return path


@pytest.mark.usefixtures('plan')
@pytest.mark.parametrize(
    ('is_new', 'origin'), [(True, 'built in 12 s'), (False, 'plan from the cache')]
)
def test_an_engine_says_what_it_runs(model, preparations, is_new, origin):
    preparations.is_new = is_new
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    described = engine.description
    assert (described.engine, described.device, described.model) == ('tensorrt', 'cuda:0', model)
    assert (described.height, described.width, described.labels) == (HEIGHT, WIDTH, FIVE)
    assert described.detail == (
        f'TensorRT 10.3.0.26, Orin, FP16, {origin}, CUDA graph, batches of 1 and 4, cuda-python'
    )
    assert preparations.forced == [False]
    engine.close()


@pytest.mark.usefixtures('plan')
def test_an_engine_segments_until_it_is_closed(model):
    engine = open_engine(EngineRequest(model, 'auto'))
    assert engine.description.engine == 'tensorrt'
    for count in (1, 4, 6):
        assert_ours(engine.infer(images(count)), images(count))
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed, match=r'tensorrt engine of .* is closed'):
        engine.infer(images(1))


@pytest.fixture
def frame_plan(plan, stand_ins, cudart):
    """Let plans for frames load, too; both show red as class and blue as confidence."""
    made = SimulatedFramePlan(stand_ins, cudart, 'yuyv', (HEIGHT, WIDTH))
    plan.compute = lambda image: {'class_map': image[..., 0], 'confidence': image[..., 2]}
    answers = {b'plan': lambda: stand_ins.make('ICudaEngine'), b'frames': made.engine}
    stand_ins.answer(
        'Runtime.deserialize_cuda_engine', lambda runtime, content, *_: answers[content]()
    )
    return made


def yuyv_frame(size, seed=3):
    """Return bytes and planes of a smooth picture: its pairs of pixels differ little."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    data, step = encoded_picture(cv2.GaussianBlur(noise, (9, 9), 0), 'yuyv')
    return data, frame_planes(data, 'yuyv', *size, step)


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


def test_a_cached_plan_for_frames_that_no_longer_loads_is_built_again(
    frame_plan, model, stand_ins, preparations, caplog
):
    loads = iter([lambda: stand_ins.make('ICudaEngine'), lambda: None, frame_plan.engine])
    stand_ins.answer('Runtime.deserialize_cuda_engine', lambda *_: next(loads)())
    engine = open_engine(EngineRequest(model, 'tensorrt', frame_encoding='yuyv'))
    assert (preparations.forced, preparations.discarded) == ([False, False, True], 1)
    assert engine.frame_encodings == {'yuyv'}
    engine.close()


@pytest.mark.usefixtures('plan')
def test_int8_is_the_file_beside_the_model(model):
    asked = EngineRequest(model, 'tensorrt', precision='int8')
    with pytest.raises(
        ModelError, match=r'm_int8\.onnx beside .* --precision int8 --for tensorrt'
    ):
        open_engine(asked)
    beside = model.with_name('m_int8.onnx')
    beside.write_bytes(b'an INT8 model')
    engine = open_engine(asked)
    assert engine.description.model == beside
    engine.close()


def test_a_cached_plan_that_no_longer_loads_is_built_again(
    plan, stand_ins, model, preparations, caplog
):
    loads = iter([None, stand_ins.make('ICudaEngine')])
    stand_ins.answer('Runtime.deserialize_cuda_engine', lambda *_: next(loads))
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    assert (preparations.forced, preparations.discarded) == ([False, True], 1)
    assert any('is built again: TensorRT' in message for message in caplog.messages)
    assert_ours(engine.infer(images(1)), images(1))
    engine.close()


def test_who_does_not_wait_gets_no_build_in_place_of_a_refused_plan(
    plan, stand_ins, model, preparations
):
    stand_ins.answer('Runtime.deserialize_cuda_engine', None)
    for engine in ('auto', 'tensorrt'):
        with pytest.raises(EngineBuildNeeded, match='cannot load the plan'):
            open_engine(EngineRequest(model, engine, may_build=False))
    assert (preparations.forced, preparations.discarded) == ([False] * 2, 2)


def test_memory_that_is_short_is_no_reason_to_build_again(plan, model, preparations, cudart):
    cudart.failing['cudaMalloc'] = Status.cudaErrorMemoryAllocation
    with pytest.raises(EngineError, match='cudaErrorMemoryAllocation'):
        open_engine(EngineRequest(model, 'tensorrt'))
    assert (preparations.forced, preparations.discarded) == ([False], 0)


def test_a_new_plan_that_does_not_load_is_an_error(plan, stand_ins, model, preparations):
    preparations.is_new = True
    stand_ins.answer('Runtime.deserialize_cuda_engine', None)
    with pytest.raises(EngineError, match='cannot load the plan'):
        open_engine(EngineRequest(model, 'tensorrt'))
    assert preparations.forced == [False]


def test_a_plan_that_returns_something_else_is_refused(plan, model):
    plan.outputs = {'class_map': ('INT32', (-1, HEIGHT, WIDTH))}
    plan.compute = lambda image: {'class_map': image[..., 0].astype(np.int32)}
    plan.install()
    with pytest.raises(ModelError, match='described as returning class_map_confidence: '):
        open_engine(EngineRequest(model, 'tensorrt'))


def test_an_error_while_running_ends_only_that_call(plan, model, cudart):
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    cudart.failing['cudaGraphLaunch'] = Status.cudaErrorIllegalAddress
    with pytest.raises(EngineError, match='cudaGraphLaunch failed: text of cudaErrorIllegal'):
        engine.infer(images(1))
    assert_ours(engine.infer(images(1)), images(1))
    engine.close()


@pytest.mark.usefixtures('plan')
def test_closing_from_another_thread_waits_for_the_call(model):
    engine = open_engine(EngineRequest(model, 'tensorrt'))
    results, started = [], threading.Event()

    def run():
        try:
            while True:
                results.append(engine.infer(images(5)))
                started.set()
        except EngineClosed as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(30)
    engine.close()
    thread.join(30)
    assert isinstance(results.pop(), EngineClosed)
    for batch in results:
        assert_ours(batch, images(5))


@pytest.mark.usefixtures('plan')
@pytest.mark.parametrize('beside', ['labels', 'description', 'nothing'])
def test_a_plan_of_another_program_runs(plan_file, beside):
    classes = FIVE.to_dict()
    text = {
        'labels': f'name: five\nclasses: {classes["classes"]}',
        'description': 'input: {layout: nhwc_uint8}\noutput: class_map_confidence\n'
        f'labels: {classes}',
    }
    if beside in text:
        plan_file.with_suffix('.yaml').write_text(text[beside])
    else:
        with pytest.raises(ConfigError, match='which classes they mean; give labels'):
            open_engine(EngineRequest(plan_file))
    engine = open_engine(EngineRequest(plan_file, labels=None if beside in text else FIVE))
    assert engine.description.labels == FIVE
    assert 'plan of another program' in engine.description.detail
    assert_ours(engine.infer(images(2)), images(2))
    engine.close()


@pytest.mark.usefixtures('plan')
def test_a_plan_file_is_as_it_is(plan_file):
    with pytest.raises(ConfigError, match=r'precision is fp32, but other\.engine has the'):
        open_engine(EngineRequest(plan_file, labels=FIVE, precision='fp32'))
    with pytest.raises(ConfigError, match=r'network_size is \(1, 2\), but the plan takes'):
        open_engine(EngineRequest(plan_file, labels=FIVE, network_size=(1, 2)))
    assert not needs_build(EngineRequest(plan_file))


def test_a_plan_file_of_another_kind_is_named(plan, plan_file):
    plan.inputs = {'image': ('FLOAT', (1, 3, HEIGHT, WIDTH))}
    plan.install()
    with pytest.raises(ModelError, match=r'other\.engine: .* but is described as nhwc_uint8'):
        open_engine(EngineRequest(plan_file, labels=FIVE))


def test_without_a_gpu_nothing_is_built(model, real_tensorrt, tmp_path, monkeypatch):
    """The real bindings, the real driver's absence."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('ROS_HOME', str(tmp_path / 'ros'))
    assert not needs_build(EngineRequest(model))
    with pytest.raises(EngineUnavailable, match='NVIDIA'):
        open_engine(EngineRequest(model, 'tensorrt'))
    with pytest.raises(EngineUnavailable, match='device is cpu, but TensorRT runs on NVIDIA GPUs'):
        open_engine(EngineRequest(model, 'tensorrt', device='cpu'))
    assert not Path(tmp_path / 'ros').exists()
