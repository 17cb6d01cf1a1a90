# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run a plan that takes frames: the calls are the real bindings', the GPU is simulated."""

from dataclasses import replace
import gc

from frame_graphs import message_bytes, planes_of
import numpy as np
import pytest
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.engines.tensorrt.frames.frame_runner import FrameRunner, MOST_SIZES
from rtformer_ros.engines.tensorrt.run.cudart import Cudart
from rtformer_ros.errors import EngineError, ImageError, ModelError
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import from_network, place, to_network
from simulated_cudart import ORIN, Status
from tensorrt_harness.simulated_frame_plan import NETWORK, SimulatedFramePlan
from tensorrt_harness.simulated_plan import SimulatedPlan

SIZES = [(24, 32), (36, 48), (40, 34), (22, 60), (50, 64)]
ONE_FRAME = ['cudaSetDevice', 'cudaMemcpyAsync', 'cudaGraphLaunch', 'cudaMemcpyAsync',
             'cudaStreamSynchronize']  # fmt: skip


on_an_integrated_gpu = pytest.mark.parametrize('cudart', [ORIN], indirect=True, ids=['Orin'])


@pytest.fixture
def plan_of(stand_ins, cudart):
    """Return a function that makes the plan of an encoding the one that is loaded."""

    def plan_of_(encoding='bgr8'):
        plan = SimulatedFramePlan(stand_ins, cudart, encoding)
        stand_ins.answer('Runtime.deserialize_cuda_engine', lambda *_: plan.engine())
        return plan

    return plan_of_


@pytest.fixture
def plan(plan_of):
    return plan_of()


@pytest.fixture
def open_runner(cudart, closed_at_the_end):
    """Return a function that opens a runner."""

    def open_(**arguments):
        return closed_at_the_end(FrameRunner(b'plan', cuda=Cudart(cudart, 0), **arguments))

    return open_


def frame_of(size, encoding='bgr8', *, padding=0, seed=3, mask=None, **changes):
    data, step = message_bytes(encoding, *size, padding, seed)
    sampling = frame_sampling(size, place(size, NETWORK, 'stretch'), mask or size)
    return CameraFrame(encoding, planes_of(data, encoding, size, step), sampling, **changes)


def expected_maps(size, encoding='bgr8', *, padding=0, seed=3, mask=None):
    """Return red and blue of what the host makes of the same bytes, enlarged."""
    data, step = message_bytes(encoding, *size, padding, seed)
    placement = place(size, NETWORK, 'stretch')
    image = decode_image(data, encoding, *size, step, is_bigendian=False)
    small = to_network(image, placement, np.empty((*NETWORK, 3), np.uint8))
    return [from_network(small[..., channel], placement, mask or size) for channel in (0, 2)]


def assert_right(result, expected, *, most=3):
    """Compare with the host, which rounds between its steps."""
    for found, wanted in zip((result.class_map_hw, result.confidence_hw), expected, strict=True):
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).max() <= most


@pytest.mark.parametrize(
    ('encoding', 'padding', 'use_graph'),
    [('bgr8', 0, False), ('mono8', 6, True), ('yuyv', 0, True), ('nv21', 6, True)],
)
def test_frames_go_in_as_they_came(plan_of, open_runner, encoding, padding, use_graph):
    plan_of(encoding)
    runner = open_runner(use_graph=use_graph)
    for size, seed in ((24, 32), 1), ((36, 48), 2), ((24, 32), 3), ((36, 48), 4):
        mask = (size[0] + 5, size[1] - 3)
        how = {'padding': padding, 'seed': seed, 'mask': mask}
        result = runner.run(frame_of(size, encoding, **how))
        assert_right(result, expected_maps(size, encoding, **how))
        assert result.small_class_map_hw.shape == NETWORK


def test_a_frame_costs_one_upload_and_what_is_asked_for_comes_back(plan, cudart, open_runner):
    runner = open_runner()
    assert runner.how == 'CUDA graph, cuda-python'
    runner.run(frame_of((36, 48)))
    assert plan.enqueued == [False, True] * 2
    frame = frame_of((36, 48), seed=7)
    _, calls = cudart.calls_of(lambda: runner.run(frame))
    assert calls == [*ONE_FRAME[:4], 'cudaMemcpyAsync', 'cudaStreamSynchronize']
    unasked, calls = cudart.calls_of(lambda: runner.run(replace(frame, with_confidence=False)))
    assert calls == ONE_FRAME
    assert np.array_equal(unasked.class_map_hw, runner.run(frame).class_map_hw)
    assert unasked.confidence_hw.shape == (36, 48)
    assert not unasked.confidence_hw.any()
    assert len(plan.enqueued) == 4


@on_an_integrated_gpu
@pytest.mark.parametrize('encoding', ['bgr8', 'nv12'])
def test_frames_are_not_copied_where_memory_is_mapped(plan_of, cudart, open_runner, encoding):
    plan_of(encoding)
    runner = open_runner()
    assert runner.how == 'CUDA graph, cuda-python, mapped memory'
    for size in ((24, 32), (36, 48)):
        result = runner.run(frame_of(size, encoding))
        assert_right(result, expected_maps(size, encoding))
    # Tables alone, which the GPU caches in its own memory, once for each size.
    uploads = cudart.count('cudaMemcpyAsync')
    calls = ['cudaSetDevice', 'cudaGraphLaunch', 'cudaStreamSynchronize']
    for size, seed in ((24, 32), 5), ((36, 48), 6), ((36, 48), 7):
        frame = frame_of(size, encoding, seed=seed)
        result, made = cudart.calls_of(lambda frame=frame: runner.run(frame))
        assert_right(result, expected_maps(size, encoding, seed=seed))
        assert made == calls
    assert cudart.count('cudaMemcpyAsync') == uploads


def test_tables_are_copied_when_they_change(plan, cudart, open_runner):
    runner = open_runner()
    frame = frame_of((36, 48))
    first = runner.run(frame)
    assert cudart.count('cudaMemcpyAsync') > 0
    inverse = np.arange(256, dtype=np.uint8)[::-1].copy()
    turned, calls = cudart.calls_of(lambda: runner.run(replace(frame, remap=inverse)))
    assert calls.count('cudaMemcpyAsync') == 2 + 2
    assert np.array_equal(turned.class_map_hw, 255 - first.class_map_hw)
    unsure = runner.run(replace(frame, remap=inverse, threshold=128))
    is_unsure = first.confidence_hw < 128
    assert np.array_equal(unsure.class_map_hw, np.where(is_unsure, 255, turned.class_map_hw))
    again, calls = cudart.calls_of(
        lambda: runner.run(replace(frame, remap=inverse, threshold=128))
    )
    assert calls.count('cudaMemcpyAsync') == 1 + 2
    assert np.array_equal(again.class_map_hw, unsure.class_map_hw)


def test_tables_are_made_once_for_frames_of_a_form(plan, open_runner, monkeypatch):
    made = []
    tables = CameraFrame.tables
    monkeypatch.setattr(CameraFrame, 'tables', lambda frame: made.append(1) or tables(frame))
    runner = open_runner()
    for size in SIZES[:MOST_SIZES]:
        runner.run(frame_of(size))
    for size in SIZES[:MOST_SIZES] * 2:
        before = len(made)
        assert_right(runner.run(frame_of(size, seed=9)), expected_maps(size, seed=9))
        assert len(made) == before
    for mask in range(10, 10 + 3 * MOST_SIZES):
        runner.run(frame_of(SIZES[0], mask=(mask, 20)))
    assert len(runner._known) == MOST_SIZES


def test_tables_that_did_not_arrive_are_copied_again(plan, cudart, open_runner):
    runner = open_runner()
    frame = frame_of((36, 48))
    runner.run(frame)
    inverse = np.arange(256, dtype=np.uint8)[::-1].copy()
    cudart.failing['cudaMemcpyAsync'] = Status.cudaErrorIllegalAddress
    with pytest.raises(EngineError, match='cudaMemcpyAsync failed'):
        runner.run(replace(frame, remap=inverse))
    turned = runner.run(replace(frame, remap=inverse))
    assert np.array_equal(turned.class_map_hw, 255 - runner.run(frame).class_map_hw)


def test_a_new_size_leaves_those_that_run_alone(plan, cudart, open_runner):
    runner = open_runner()
    for size in SIZES[:MOST_SIZES]:
        assert_right(runner.run(frame_of(size)), expected_maps(size))
    enqueued = len(plan.enqueued)
    for size in SIZES[:MOST_SIZES]:
        result, calls = cudart.calls_of(lambda size=size: runner.run(frame_of(size, seed=9)))
        assert_right(result, expected_maps(size, seed=9))
        assert calls == [*ONE_FRAME[:4], 'cudaMemcpyAsync', 'cudaStreamSynchronize']
    assert len(plan.enqueued) == enqueued


def test_the_size_that_was_not_used_for_longest_makes_room(plan, cudart, open_runner):
    runner = open_runner()
    for size in SIZES[:MOST_SIZES]:
        runner.run(frame_of(size))
    runner.run(frame_of(SIZES[0]))
    used = len(cudart.device)
    assert_right(runner.run(frame_of(SIZES[4])), expected_maps(SIZES[4]))
    assert len(cudart.device) <= used + 1
    assert len(cudart._graphs) == MOST_SIZES
    for size, is_kept in ((SIZES[0], True), (SIZES[2], True), (SIZES[1], False)):
        enqueued = len(plan.enqueued)
        assert_right(runner.run(frame_of(size)), expected_maps(size))
        assert (len(plan.enqueued) == enqueued) == is_kept


def test_scratch_is_shared_and_grows_for_larger_frames(plan, trt, cudart, open_runner):
    runner = open_runner()
    is_told = hasattr(trt.IExecutionContext, 'update_device_memory_size_for_shapes')
    scratch = []
    for size in ((24, 32), (22, 30), (48, 64), (36, 48)):
        runner.run(frame_of(size))
        scratch.append([each.nbytes for each in runner._scratches])
    sizes = [3 * 24 * 32, 3 * 48 * 64] if is_told else [3 * 2160 * 3840]
    assert scratch == [sizes[:1], sizes[:1], sizes, sizes]
    # What nobody uses any more is freed.
    for size in ((40, 34), (22, 60), (44, 30)):
        runner.run(frame_of(size))
    assert [each.nbytes for each in runner._scratches] == sizes[-1:]


def test_all_sizes_together_stay_within_a_bound(plan, cudart, open_runner):
    runner = open_runner(most_bytes=1)
    for size in SIZES:
        assert_right(runner.run(frame_of(size)), expected_maps(size))
        assert len(cudart._graphs) == 1


@pytest.mark.parametrize('function', ['cudaMalloc', 'cudaHostAlloc'])
def test_where_memory_is_short_others_make_room(plan, cudart, open_runner, function):
    runner = open_runner()
    runner.run(frame_of(SIZES[0]))
    runner.run(frame_of(SIZES[1]))
    cudart.failing[function] = Status.cudaErrorMemoryAllocation
    assert_right(runner.run(frame_of(SIZES[4])), expected_maps(SIZES[4]))
    assert len(cudart._graphs) == 1
    assert_right(runner.run(frame_of(SIZES[0])), expected_maps(SIZES[0]))


def test_where_contexts_are_refused_one_size_runs_at_a_time(plan, cudart, open_runner):
    runner = open_runner()
    make = plan._make_context

    def make_one():
        return None if len(cudart._graphs) else make()

    plan._make_context = make_one
    for size in (SIZES[0], SIZES[1], SIZES[0]):
        assert_right(runner.run(frame_of(size)), expected_maps(size))


class AlwaysShort(dict):
    """Failures of every call."""

    def pop(self, name, default):
        return self.get(name, default)


def test_memory_that_stays_short_fails_the_frame_alone(plan, cudart, open_runner):
    runner = open_runner()
    runner.run(frame_of(SIZES[0]))
    cudart.failing = AlwaysShort(cudaHostAlloc=Status.cudaErrorMemoryAllocation)
    with pytest.raises(EngineError, match='cudaHostAlloc failed'):
        runner.run(frame_of(SIZES[4]))
    cudart.failing = {}
    for size in (SIZES[4], SIZES[0]):
        assert_right(runner.run(frame_of(size)), expected_maps(size))


def test_a_refused_graph_is_not_replayed(plan, cudart, open_runner):
    plan.is_refused_in_graph = True
    runner = open_runner()
    assert runner.how.startswith('no CUDA graph (the work was refused while a CUDA graph was')
    assert_right(runner.run(frame_of(SIZES[1])), expected_maps(SIZES[1]))
    assert cudart.count('cudaGraphLaunch') == 0


def test_frames_that_the_plan_does_not_take_are_refused(plan, open_runner):
    runner = open_runner()
    assert runner.largest_frame == (2160, 3840)
    runner.run(frame_of(SIZES[0]))
    with pytest.raises(ImageError, match=r'takes frame of .* to .*, not .1, 2162, 32, 3'):
        runner.run(frame_of((2162, 32), mask=(24, 32)))
    with pytest.raises(ImageError, match=r'takes mask_columns of \[1\] to \[3840\], not \[3841\]'):
        runner.run(frame_of(SIZES[0], mask=(24, 3841)))
    with pytest.raises(ImageError, match=r'a frame has frame, chroma, .* for another encoding'):
        runner.run(frame_of(SIZES[0], 'nv12'))
    assert_right(runner.run(frame_of(SIZES[0])), expected_maps(SIZES[0]))


def test_a_plan_that_takes_images_is_refused(stand_ins, cudart, open_runner):
    SimulatedPlan(stand_ins, cudart).install()
    with pytest.raises(ModelError, match=r"inputs \['image'\] and .* a graph that takes frames"):
        open_runner()


@pytest.mark.parametrize(
    'function', ['cudaMalloc', 'cudaHostAlloc', 'cudaMemcpyAsync', 'cudaStreamSynchronize']
)
def test_an_error_of_cuda_while_opening_leaves_nothing_behind(plan, cudart, open_runner, function):
    cudart.failing[function] = Status.cudaErrorMemoryAllocation
    with pytest.raises(EngineError, match=f'{function} failed: text of cudaErrorMemoryAllocation'):
        open_runner()


def test_results_belong_to_the_caller(plan, open_runner):
    runner = open_runner()
    first = runner.run(frame_of(SIZES[0]))
    second = runner.run(frame_of(SIZES[0], seed=8))
    assert_right(first, expected_maps(SIZES[0]))
    for each in (first, second):
        arrays = (each.class_map_hw, each.confidence_hw, each.small_class_map_hw)
        assert all(array.flags.owndata for array in arrays)
    runner.close()
    gc.collect()
    assert_right(first, expected_maps(SIZES[0]))
