# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hold every engine to the same promises; a new engine is one more line in CASES."""

from dataclasses import dataclass, replace
import threading
import warnings

from frame_graphs import message_bytes, planes_of
from host_pictures import assert_pictures, LOOKS, OTHER_LOOKS, painting_of
import numpy as np
import onnxruntime
import pytest
from rtformer_ros.engines import engine_names, EngineRequest, open_engine
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt
from rtformer_ros.engines.tensorrt.device import find_gpu
from rtformer_ros.errors import ConfigError, EngineClosed, EngineUnavailable, ImageError
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import from_network, place
from rtformer_ros.labels.label_set import LabelSet
import torch


@dataclass(frozen=True)
class Case:
    """
    An engine on a device, the kind of file it opens, and how near to float64 it comes.

    takes_frames: whether it takes a camera's frames as they come, where that is asked for.
    """

    engine: str
    device: str
    suffix: str
    least_agreement: float = 0.9999
    confidence_error: int = 1
    takes_frames: bool = False


CASES = [
    Case('onnxruntime', 'cpu', '.onnx', takes_frames=True),
    Case('torch', 'cpu', '.safetensors'),
    # Pixels whose two best classes are within 1e-5 of each other may go either way.
    Case('openvino', 'cpu', '.onnx', 0.999),
    Case('onnxruntime', 'cuda', '.onnx', 0.999, 2, takes_frames=True),
    Case('torch', 'cuda', '.safetensors', 0.995, 4),
    Case('tensorrt', 'cuda', '.onnx', 0.98, 8, takes_frames=True),
]


def name_of(case):
    return f'{case.engine}-{case.device}'


def has_device(case):
    if case.device == 'cpu':
        return True
    if case.engine == 'onnxruntime':
        return 'CUDAExecutionProvider' in onnxruntime.get_available_providers()
    if case.engine == 'tensorrt':
        return has_tensorrt()
    return torch.cuda.is_available()


def has_tensorrt():
    try:
        find_gpu()
        load_tensorrt()
    except EngineUnavailable:
        return False
    return True


CASES_HERE = [case for case in CASES if has_device(case)]


@pytest.fixture(params=CASES_HERE, ids=name_of)
def case(request):
    return request.param


@pytest.fixture(scope='session', autouse=True)
def plan_cache(tmp_path_factory):
    """Keep plans that are compiled here out of the user's cache; each is compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_HOME', str(tmp_path_factory.mktemp('ros_home')))
        yield


@pytest.fixture
def open_one(case, small_network):
    """Return a function that opens the case's engine; whatever it opened is closed afterwards."""
    opened = []

    def open_(**arguments):
        arguments = {'device': case.device, 'threads': 1, 'network_size': (90, 120), **arguments}
        request = EngineRequest(small_network.files[case.suffix], case.engine, **arguments)
        try:
            opened.append(open_engine(request))
        except EngineUnavailable as error:
            if case.device == 'cpu':
                raise
            pytest.skip(str(error))
        return opened[-1]

    yield open_
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_one):
    return open_one()


def assert_same(batch, other):
    """Compare results of one engine; arithmetic may be ordered differently for other batches."""
    assert (batch.class_map_nhw == other.class_map_nhw).mean() >= 0.9999
    difference = batch.confidence_nhw.astype(int) - other.confidence_nhw
    assert np.abs(difference).max() <= 1


def test_every_engine_is_under_contract():
    assert {case.engine for case in CASES} == set(engine_names())


@pytest.mark.parametrize('case', CASES, ids=name_of)
def test_every_device_is_under_contract(case):
    if not has_device(case):
        pytest.skip(f'{case.engine} has no GPU here: its part of the contract was not tested')
    assert case in CASES_HERE


def test_result_is_that_of_the_network(case, engine, small_network, images):
    batch = engine.infer(images(2))
    logits, probabilities = small_network.expected(images(2))
    expected = logits.argmax(axis=1)
    assert len(np.unique(expected)) == 5
    assert (batch.class_map_nhw == expected).mean() >= case.least_agreement
    error = np.abs(batch.confidence_nhw - 255 * probabilities.max(axis=1))
    assert error.max() <= case.confidence_error


def test_result_has_the_form_of_a_batch(engine, images):
    batch = engine.infer(images(3))
    assert len(batch) == 3
    for array in (batch.class_map_nhw, batch.confidence_nhw):
        assert (array.shape, array.dtype) == ((3, 90, 120), np.uint8)
        assert array.flags.writeable


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_a_batch_is_its_images(engine, images, count):
    batch = engine.infer(images(count))
    assert len(batch) == count
    for index in range(count):
        alone = engine.infer(images(1, first=index))
        assert_same(alone, type(batch)(batch.class_map_nhw[index], batch.confidence_nhw[index]))


def test_results_belong_to_the_caller(engine, images):
    first = engine.infer(images(1))
    kept = first.class_map_nhw.copy(), first.confidence_nhw.copy()
    second = engine.infer(images(1, first=1))
    assert not np.array_equal(second.class_map_nhw, kept[0])
    assert np.array_equal(first.class_map_nhw, kept[0])
    assert np.array_equal(first.confidence_nhw, kept[1])
    assert not np.shares_memory(first.class_map_nhw, second.class_map_nhw)


def test_input_is_only_read(engine, images):
    batch = images(1)
    batch.flags.writeable = False
    before = batch.copy()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        engine.infer(batch)
    assert np.array_equal(batch, before)


def test_views_are_as_good_as_arrays(engine, images):
    batch = images(2)
    padded = np.zeros((2, 92, 130, 3), np.uint8)
    padded[:, 1:91, 3:123] = batch
    assert_same(engine.infer(padded[:, 1:91, 3:123]), engine.infer(batch))
    mirrored = batch[:, :, ::-1]
    assert_same(engine.infer(mirrored), engine.infer(mirrored.copy()))


@pytest.mark.parametrize(
    ('bad', 'message'),
    [
        (
            np.zeros((1, 91, 120, 3), np.uint8),
            r'shape \[1, 91, 120, 3\]; .* takes \[N, 90, 120, 3\]',
        ),
        (np.zeros((1, 120, 90, 3), np.uint8), 'resize the images first'),
        (np.zeros((1, 90, 120, 4), np.uint8), r'shape \[1, 90, 120, 4\]'),
        (np.zeros((90, 120, 3), np.uint8), r'shape \[90, 120, 3\]'),
        (np.zeros((0, 90, 120, 3), np.uint8), 'with N >= 1'),
        (np.zeros((1, 90, 120, 3), np.float32), 'images are float32; expected uint8'),
        (np.zeros((1, 90, 120, 3), np.int8), 'images are int8; expected uint8'),
    ],
    ids=['height', 'turned', 'rgba', 'no batch', 'empty', 'float', 'signed'],
)
def test_wrong_images_are_refused_and_the_engine_lives_on(engine, images, bad, message):
    with pytest.raises(ImageError, match=message):
        engine.infer(bad)
    assert len(engine.infer(images(1))) == 1


@pytest.fixture
def frame(images):
    """Return a camera's frame, BGR, of the network's size."""
    planes = (images(1)[0, :, :, ::-1],)
    placement = place((90, 120), (90, 120), 'stretch')
    return CameraFrame('bgr8', planes, frame_sampling((90, 120), placement, (91, 250)))


def test_frames_that_were_not_asked_for_are_refused(engine, images, frame):
    assert (engine.frame_encodings, engine.awaited_frames) == (frozenset(), '')
    with pytest.raises(ImageError, match='takes no frames of bgr8, but of none; decode'):
        engine.infer_frame(frame)
    assert len(engine.infer(images(1))) == 1


def test_a_frame_is_its_image_or_the_engine_takes_images_alone(case, open_one, images, frame):
    engine = open_one(frame_encoding='bgr8')
    image = engine.infer(images(1))[0]
    assert engine.frame_encodings == frozenset({'bgr8'} if case.takes_frames else ())
    if not case.takes_frames:
        return
    result = engine.infer_frame(frame)
    placement = place((90, 120), (90, 120), 'stretch')
    assert (result.small_class_map_hw == image.class_map_hw).mean() >= 0.9999
    enlarged = from_network(result.small_class_map_hw, placement, (91, 250))
    assert np.array_equal(result.class_map_hw, enlarged)
    confidence_hw = from_network(image.confidence_hw, placement, (91, 250))
    assert np.abs(result.confidence_hw.astype(int) - confidence_hw).max() <= 1
    unasked = engine.infer_frame(replace(frame, with_confidence=False))
    assert np.array_equal(unasked.class_map_hw, result.class_map_hw)
    assert unasked.confidence_hw.shape == (91, 250)
    assert not unasked.confidence_hw.any()
    with pytest.raises(ImageError, match='takes no frames of yuyv, but of bgr8'):
        engine.infer_frame(replace(frame, encoding='yuyv'))
    engine.close()
    with pytest.raises(EngineClosed):
        engine.infer_frame(frame)


ODD, EVEN = (91, 251), (92, 250)


@pytest.mark.parametrize('encoding', FRAME_ENCODINGS)
def test_pictures_of_a_frame_are_those_of_the_host(case, open_one, encoding):
    """Of frames whose sides are odd where their encoding has that, and of even ones."""
    if not case.takes_frames:
        return
    engine = open_one(frame_encoding=encoding)
    is_yuv = 'v' in encoding or 'y' in encoding
    for seed, size in enumerate([EVEN if is_yuv else ODD, EVEN]):
        data, step = message_bytes(encoding, *size, padding=3, seed=seed)
        sampling = frame_sampling(size, place(size, (90, 120), 'stretch'), size)
        planes = planes_of(data, encoding, size, step)
        frame = CameraFrame(encoding, planes, sampling)
        image_hwc = decode_image(data, encoding, *size, step, is_bigendian=False)
        plain = engine.infer_frame(frame)
        assert plain.pictures == {}
        for looks in (LOOKS, OTHER_LOOKS):
            asked = replace(frame, pictures=PICTURES, painting=painting_of(looks))
            result = engine.infer_frame(asked)
            assert np.array_equal(result.class_map_hw, plain.class_map_hw)
            assert_pictures(result, image_hwc, looks)
        one = replace(asked, pictures=frozenset({'overlay'}), with_confidence=False)
        assert_pictures(engine.infer_frame(one), image_hwc, looks, ['overlay'])


def test_pictures_are_asked_of_those_that_paint_quicker_than_the_host(case, open_one):
    engine = open_one(frame_encoding='bgr8')
    is_on_gpu = case.takes_frames and case.device == 'cuda'
    assert engine.frame_pictures == (PICTURES if is_on_gpu else frozenset())


def test_a_closed_engine_refuses_and_closes_again(engine, images, small_network, case):
    description = engine.description
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed, match=f'{case.engine} engine of .* is closed; open it again'):
        engine.infer(images(1))
    assert engine.description == description
    assert description.model == small_network.files[case.suffix]


def test_close_from_another_thread_ends_a_run(engine, images):
    results, started = [], threading.Event()

    def run():
        try:
            while True:
                results.append(engine.infer(images(4)))
                started.set()
        except EngineClosed as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(60)
    engine.close()
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(results[-1], EngineClosed)


def test_closing_one_engine_leaves_another_alone(open_one, images):
    first, second = open_one(), open_one()
    expected = first.infer(images(1))
    first.close()
    assert_same(second.infer(images(1)), expected)


def test_two_engines_run_at_once(open_one, images):
    """Each in a thread of its own, on pictures of its own, with thread counts of their own."""
    engines = [open_one(threads=1), open_one(threads=2)]
    expected = [engine.infer(images(2, first=i)) for i, engine in enumerate(engines)]
    results = [[], []]

    def run(index):
        for _ in range(5):
            results[index].append(engines[index].infer(images(2, first=index)))

    threads = [threading.Thread(target=run, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for index in (0, 1):
        assert len(results[index]) == 5
        for result in results[index]:
            assert_same(result, expected[index])


def test_one_engine_serves_several_threads(engine, images):
    expected = [engine.infer(images(1, first=i)) for i in range(3)]
    results = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: engine.infer(images(1, first=i))}))
        for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for index in range(3):
        assert_same(results[index], expected[index])


def test_description_says_what_runs(case, engine, small_network):
    description = engine.description
    assert description.engine == case.engine
    assert description.device == {'cpu': 'cpu', 'cuda': 'cuda:0'}[case.device]
    assert description.model == small_network.files[case.suffix]
    assert (description.height, description.width) == (90, 120)
    assert description.labels == LabelSet.generic(5, 'five')
    assert ('TensorRT' if case.engine == 'tensorrt' else '1 CPU thread') in description.detail


def test_labels_of_the_caller_go_first(open_one):
    mine = LabelSet.generic(5, 'mine')
    assert open_one(labels=mine).description.labels == mine


@pytest.mark.parametrize('count', [4, 6, 150])
def test_another_number_of_labels_than_of_classes_is_refused(open_one, count):
    with pytest.raises(
        ConfigError, match=rf"'other' has {count} classes, but small\..* tells 5 apart"
    ):
        open_one(labels=LabelSet.generic(count, 'other'))


def test_a_device_that_is_not_there_is_unavailable(case, small_network):
    model = small_network.files[case.suffix]
    with pytest.raises(EngineUnavailable, match='device is cuda:99'):
        open_engine(EngineRequest(model, case.engine, device='cuda:99'))
