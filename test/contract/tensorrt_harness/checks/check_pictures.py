# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Paint pictures of frames on a simulated GPU: the calls are the real bindings'."""

from dataclasses import replace
import gc

from frame_graphs import message_bytes, planes_of
from host_pictures import assert_pictures, LOOKS, OTHER_LOOKS, painting_of
import pytest
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.engines.tensorrt.frames.frame_runner import FrameRunner
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.errors import EngineError
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import place
from simulated_cudart import DISCRETE, ORIN, Status
from tensorrt_harness.simulated_frame_plan import (
    NETWORK,
    SimulatedFramePlan,
    SimulatedPicturePlan,
)

CONTENT = FramePlans(b'masks', {name: name.encode() for name in sorted(PICTURES)}).to_bytes()
PAINTING = painting_of(LOOKS)
SIZE = (37, 53)
MASKS = ['cudaSetDevice', 'cudaMemcpyAsync', 'cudaGraphLaunch', 'cudaMemcpyAsync']
PICTURE = ['cudaGraphLaunch', 'cudaMemcpyAsync']
WAIT = ['cudaStreamSynchronize']


@pytest.fixture
def plans_of(stand_ins, cudart):
    """Return a function that makes the plans of an encoding those that are loaded, by content."""

    def plans_of_(encoding='bgr8'):
        plans = {b'masks': SimulatedFramePlan(stand_ins, cudart, encoding)}
        for name in PICTURES:
            plans[name.encode()] = SimulatedPicturePlan(stand_ins, cudart, encoding, name)
        stand_ins.answer(
            'Runtime.deserialize_cuda_engine', lambda runtime, content, *_: plans[content].engine()
        )
        return plans

    return plans_of_


@pytest.fixture
def plans(plans_of):
    return plans_of()


@pytest.fixture
def open_runner(cudart, closed_at_the_end):
    """Return a function that opens a runner."""

    def open_(content=CONTENT, **arguments):
        return closed_at_the_end(FrameRunner(content, cuda=Cudart(cudart, 0), **arguments))

    return open_


def frame_of(size=SIZE, encoding='bgr8', *, seed=3, mask=None, **changes):
    """Return a frame that asks for all pictures, and its image as the host decodes it."""
    data, step = message_bytes(encoding, *size, seed=seed)
    sampling = frame_sampling(size, place(size, NETWORK, 'stretch'), mask or size)
    asked = {'pictures': PICTURES, 'painting': PAINTING, **changes}
    frame = CameraFrame(encoding, planes_of(data, encoding, size, step), sampling, **asked)
    return frame, decode_image(data, encoding, *size, step, is_bigendian=False)


@pytest.mark.parametrize('cudart', [DISCRETE, ORIN], indirect=True, ids=['copies', 'mapped'])
@pytest.mark.parametrize('encoding', FRAME_ENCODINGS)
def test_pictures_are_those_of_the_host(plans_of, open_runner, encoding):
    plans_of(encoding)
    runner = open_runner()
    assert runner.pictures == PICTURES
    assert runner.how.endswith(', paints color_mask and overlay')
    sizes = [(36, 54), (24, 32)] if 'v' in encoding or 'y' in encoding else [SIZE, (41, 33)]
    for seed, size in enumerate([*sizes, *sizes]):
        frame, image = frame_of(size, encoding, seed=seed)
        assert_pictures(runner.run(frame), image)


def test_a_picture_is_painted_only_when_it_is_asked_for(plans, cudart, open_runner):
    runner = open_runner()
    frame, image = frame_of(with_confidence=False)
    unasked = replace(frame, pictures=frozenset(), painting=None)
    runner.run(unasked)
    result, calls = cudart.calls_of(lambda: runner.run(unasked))
    assert (calls, result.pictures) == ([*MASKS, *WAIT], {})
    assert plans[b'overlay'].contexts == plans[b'color_mask'].contexts == {}
    overlay = replace(frame, pictures=frozenset({'overlay'}))
    assert_pictures(runner.run(overlay), image, names=['overlay'])
    assert plans[b'overlay'].enqueued == [False, True]
    assert plans[b'color_mask'].contexts == {}
    result, calls = cudart.calls_of(lambda: runner.run(overlay))
    assert calls == [*MASKS, *PICTURE, *WAIT]
    assert_pictures(result, image, names=['overlay'])
    runner.run(frame)
    result, calls = cudart.calls_of(lambda: runner.run(frame))
    assert calls == [*MASKS, *PICTURE, *PICTURE, *WAIT]
    assert_pictures(result, image)
    _, calls = cudart.calls_of(lambda: runner.run(unasked))
    assert calls == [*MASKS, *WAIT]


@pytest.mark.parametrize('cudart', [ORIN], indirect=True, ids=['mapped'])
def test_on_an_integrated_gpu_no_picture_is_copied(plans, cudart, open_runner):
    runner = open_runner()
    runner.run(frame_of()[0])
    frame, image = frame_of(seed=4)
    result, calls = cudart.calls_of(lambda: runner.run(frame))
    assert calls == ['cudaSetDevice', *['cudaGraphLaunch'] * 3, *WAIT]
    assert_pictures(result, image)


def test_colours_are_copied_when_they_change(plans, cudart, open_runner):
    runner = open_runner()
    frame, image = frame_of(pictures=frozenset({'overlay'}), with_confidence=False)
    runner.run(frame)
    other = replace(frame, painting=painting_of(OTHER_LOOKS))
    result, calls = cudart.calls_of(lambda: runner.run(other))
    assert calls == [*MASKS, 'cudaMemcpyAsync', *PICTURE, *WAIT]
    assert_pictures(result, image, OTHER_LOOKS, ['overlay'])
    result, calls = cudart.calls_of(lambda: runner.run(other))
    assert calls == [*MASKS, *PICTURE, *WAIT]
    assert_pictures(runner.run(frame), image, names=['overlay'])


def test_colours_that_did_not_arrive_are_copied_again(plans, cudart, open_runner):
    runner = open_runner()
    frame, image = frame_of(with_confidence=False)
    runner.run(frame)
    other = replace(frame, painting=painting_of(OTHER_LOOKS))
    cudart.failing['cudaStreamSynchronize'] = Status.cudaErrorIllegalAddress
    with pytest.raises(EngineError, match='cudaStreamSynchronize failed'):
        runner.run(other)
    _, calls = cudart.calls_of(lambda: runner.run(other))
    # The frame and its tables, the mask, and of each picture its colours and itself.
    assert calls.count('cudaMemcpyAsync') == 2 + 1 + 2 * len(PICTURES)
    assert_pictures(runner.run(other), image, OTHER_LOOKS)


def test_a_picture_that_does_not_load_is_the_hosts(plans, stand_ins, open_runner, caplog):
    load = {b'overlay': lambda: None}
    stand_ins.answer(
        'Runtime.deserialize_cuda_engine',
        lambda runtime, content, *_: load.get(content, lambda: plans[content].engine())(),
    )
    runner = open_runner()
    assert runner.pictures == {'color_mask'}
    assert 'the host draws overlay: TensorRT' in caplog.text
    frame, image = frame_of()
    assert_pictures(runner.run(frame), image, names=['color_mask'])


def test_a_size_that_a_picture_does_not_take_is_the_hosts(plans, open_runner, caplog):
    runner = open_runner()
    for _ in range(2):
        frame, _ = frame_of(mask=(1, 53), pictures=frozenset({'color_mask'}))
        result = runner.run(frame)
        assert (result.class_map_hw.shape, result.pictures) == ((1, 53), {})
    said = [each for each in caplog.messages if 'the host draws' in each]
    assert len(said) == 1
    assert 'color_mask of frames of this size: TensorRT refuses the shape (1, 1, 53)' in said[0]


@pytest.mark.parametrize('function', ['cudaMalloc', 'cudaHostAlloc', 'cudaMemcpyAsync'])
def test_a_picture_for_which_memory_is_short_is_the_hosts(plans, cudart, open_runner, function):
    runner = open_runner()
    frame, image = frame_of(pictures=frozenset({'overlay'}))
    runner.run(replace(frame, pictures=frozenset()))
    cudart.failing[function] = Status.cudaErrorMemoryAllocation
    assert runner.run(frame).pictures == {}
    other, image = frame_of((40, 34), pictures=frozenset({'overlay'}))
    assert_pictures(runner.run(other), image, names=['overlay'])


def test_an_error_while_painting_ends_only_that_frame(plans, cudart, open_runner):
    runner = open_runner()
    frame, image = frame_of(pictures=frozenset({'overlay'}))
    runner.run(frame)
    graphs = iter([Status.cudaSuccess, Status.cudaErrorIllegalAddress])

    class SecondFails(dict):
        def pop(self, name, default):
            return next(graphs, default) if name == 'cudaGraphLaunch' else default

    cudart.failing = SecondFails()
    with pytest.raises(EngineError, match='cudaGraphLaunch failed'):
        runner.run(frame)
    # Nothing of it is under way, and writes to what the next one reads.
    assert not any(cudart._pending.values())
    cudart.failing = {}
    assert_pictures(runner.run(frame), image, names=['overlay'])


def test_pictures_of_all_sizes_stay_within_the_bound(plans, cudart, open_runner):
    runner = open_runner(most_bytes=1)
    for size in (SIZE, (24, 32), (40, 34), SIZE):
        frame, image = frame_of(size)
        assert_pictures(runner.run(frame), image)
        assert len(cudart._graphs) == 1 + len(PICTURES)


def test_results_belong_to_the_caller(plans, open_runner):
    runner = open_runner()
    frame, image = frame_of()
    first = runner.run(frame)
    runner.run(frame_of(seed=8)[0])
    runner.close()
    gc.collect()
    assert all(each.flags.owndata for each in first.pictures.values())
    assert_pictures(first, image)


def test_without_a_cuda_graph_pictures_are_painted_too(plans, cudart, open_runner):
    runner = open_runner(use_graph=False)
    frame, image = frame_of()
    for _ in range(2):
        assert_pictures(runner.run(frame), image)
    assert cudart.count('cudaGraphLaunch') == 0


def test_plans_come_back_from_a_file_as_they_went():
    plans = FramePlans(b'masks\n\x00', {'overlay': b'', 'color_mask': bytes(1000)})
    assert FramePlans.from_bytes(plans.to_bytes()) == plans
    assert FramePlans.from_bytes(b'a plan') == FramePlans(b'a plan')
