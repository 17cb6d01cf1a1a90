# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Plans for frames: what is compiled, compared and kept, beside the plans for images."""

from types import SimpleNamespace

from frame_graphs import seen_model, write_seen_model
import numpy as np
import onnx
from plan_workbench import TARGET
import pytest
from rtformer_ros.deploy.frames.frame_input import with_frame_input
from rtformer_ros.engines.frames.camera_frame import CameraFrame
from rtformer_ros.engines.frames.painting import Painting, PICTURES
from rtformer_ros.engines.tensorrt.build import find_or_build
from rtformer_ros.engines.tensorrt.build.verification import FrameReference
from rtformer_ros.engines.tensorrt.engine import TensorRTEngine
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.engines.tensorrt.frames.frame_shapes import fix_single_frame
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache
from rtformer_ros.errors import EngineBuildError, ModelError
from rtformer_ros.imaging.frame_sampling import frame_sampling
from rtformer_ros.imaging.resize import place
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.segmentation import Segmentation

NETWORK = (24, 32)
ODD = ['EngineBuildError', 'odd']


@pytest.fixture
def bench(bench):
    """Return the workbench with a model that frames go into."""
    write_seen_model(bench.model, *NETWORK)
    return bench


def needs_build(bench, monkeypatch, **changes):
    """Ask the engine, as the node does, with the cache of the workbench."""
    monkeypatch.setenv('ROS_HOME', str(bench.folder / 'home'))
    monkeypatch.setattr(find_or_build, 'find_target', lambda request: TARGET)
    return TensorRTEngine.needs_build(bench.request(**changes))


def test_frames_have_a_plan_of_their_own_that_is_kept(bench, monkeypatch):
    encoding = 'nv12'
    assert needs_build(bench, monkeypatch, frame_encoding=encoding)
    assert bench.prepare().is_new
    assert not needs_build(bench, monkeypatch)
    assert needs_build(bench, monkeypatch, frame_encoding=encoding)
    prepared = bench.prepare(bench.request(frame_encoding=encoding))
    assert prepared.is_new
    record = prepared.record
    assert (record.key.frame_encoding, record.precision) == (encoding, 'fp16')
    assert record.agreement >= 0.99
    assert not needs_build(bench, monkeypatch, frame_encoding=encoding)
    assert needs_build(bench, monkeypatch, frame_encoding='rgba8')
    # However many cameras there are, their frames come one by one.
    more = bench.request(frame_encoding=encoding, build={'max_batch': 3})
    assert not bench.prepare(more).is_new
    assert not bench.prepare().is_new


def test_a_look_at_both_plans_reads_each_once(bench, monkeypatch):
    for encoding in ('', 'nv12'):
        bench.prepare(bench.request(frame_encoding=encoding))
    reads = []
    read = PlanCache._read
    monkeypatch.setattr(
        PlanCache, '_read', lambda cache, path: reads.append(path.suffix) or read(cache, path)
    )
    assert not needs_build(bench, monkeypatch, frame_encoding='nv12')
    assert reads.count('.plan') == 2


def test_who_takes_frames_later_waits_for_the_plan_of_images_alone(bench, monkeypatch):
    later = {'frame_encoding': 'nv12', 'frames_later': True}
    assert needs_build(bench, monkeypatch, **later)
    bench.prepare()
    assert not needs_build(bench, monkeypatch, **later)
    assert needs_build(bench, monkeypatch, frame_encoding='nv12')


def test_plans_of_pictures_lie_in_the_same_file(bench):
    request = bench.request(frame_encoding='yuyv')
    prepared = bench.prepare(request)
    assert FramePlans.from_bytes(prepared.plan).pictures.keys() == PICTURES
    assert prepared.record.notes == ()
    assert [path.stem for path in bench.compiled_paths()] == ['model', *sorted(PICTURES)]
    stored = bench.prepare(request)
    assert not stored.is_new
    assert stored.plan == prepared.plan


@pytest.mark.parametrize(
    ('script', 'note'),
    [
        ({'no_picture': 'overlay'}, 'the host draws overlay: no picture'),
        ({'wrong_picture': 'overlay'}, 'the host draws overlay: it is off by up to 8 grey levels'),
    ],
)
def test_a_picture_that_is_not_right_is_left_to_the_host(bench, script, note):
    prepared = bench.prepare(bench.request(frame_encoding='bgr8'), **script)
    plans = FramePlans.from_bytes(prepared.plan)
    assert plans.masks
    assert plans.pictures.keys() == {'color_mask'}
    assert prepared.record.notes == (note,)
    # As it says when it comes from the cache.
    assert bench.prepare(bench.request(frame_encoding='bgr8')).record.notes == (note,)


def test_pictures_are_wrong_where_they_differ_in_any_frame():
    painting = Painting(np.full((256, 3), 200, np.uint8), np.full(256, 0.5, np.float32))
    frame = CameraFrame('rgb8', (), None, pictures=PICTURES, painting=painting)
    maps, images = np.zeros((4, 5), np.uint8), np.full((4, 5, 3), 101, np.uint8)
    reference = FrameReference((frame, frame), (maps, maps), (images, images))

    def result(color=200, overlay=150, size=(4, 5, 3)):
        pictures = {'color_mask': np.full(size, color, np.uint8)}
        pictures['overlay'] = np.full(size, overlay, np.uint8)
        return Segmentation(maps, maps, maps, pictures=pictures)

    assert reference.wrong_pictures([result(), result(overlay=151)]) == {}
    assert reference.wrong_pictures([result(color=201), result(overlay=153)]) == {
        'color_mask': 'it is off by up to 1 grey levels',
        'overlay': 'it is off by up to 2 grey levels',
    }
    assert reference.wrong_pictures([result(), result(size=(5, 4, 3))]) == dict.fromkeys(
        PICTURES, 'it is [5, 4, 3]; expected [4, 5, 3]'
    )
    assert reference.wrong_pictures([result(), Segmentation(maps, maps)]) == dict.fromkeys(
        PICTURES, 'it cannot be painted'
    )


def test_a_plan_for_frames_that_failed_is_not_tried_at_each_start(bench):
    how = {'frame_encoding': 'mono8', 'precision': 'fp32', 'build': {'optimization_level': 0}}
    # As the engine asks for it, whoever asked for the engine.
    request = bench.request('auto', **how)
    with pytest.raises(EngineBuildError, match='odd') as caught:
        bench.prepare(request, raises=ODD)
    assert 'its size is free' not in str(caught.value)
    builds = len(bench.builds())
    with pytest.raises(EngineBuildError, match=r'its plan could not be built, .* tried: .*odd'):
        bench.prepare(request)
    assert len(bench.builds()) == builds == 1
    assert not bench.needs_build(request)
    # build_engine tries again.
    assert bench.prepare(bench.request(**how)).is_new


def test_a_model_that_takes_no_frames_asks_for_no_plan_for_them(bench, monkeypatch):
    metadata = ModelMetadata(labels=LabelSet.generic(255), exporter='test')
    model = onnx.load(bench.model)
    onnx.helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, bench.model)
    request = {'frame_encoding': 'bgr8', 'network_size': NETWORK}
    assert needs_build(bench, monkeypatch, **request)
    bench.prepare(bench.request(network_size=NETWORK))
    assert not needs_build(bench, monkeypatch, **request)
    with pytest.raises(ModelError, match=r'model\.onnx takes no frames as they come'):
        bench.prepare(bench.request(**request))


def test_plans_agree_as_far_as_on_the_worst_frame():
    maps = (np.zeros((4, 5), np.uint8), np.ones((2, 5), np.uint8))
    reference = FrameReference((), maps)
    assert reference.agreement_of(maps) == 1
    wrong = maps[1].copy()
    wrong[0, :3] = 7
    assert reference.agreement_of([maps[0], wrong]) == pytest.approx(0.7)
    with pytest.raises(ModelError, match=r'returns classes \[5, 4\]; expected \[4, 5\]'):
        reference.agreement_of([maps[0].T, maps[1]])


@pytest.mark.parametrize('encoding', ['bgr8', 'nv12'])
@pytest.mark.parametrize('network', [(24, 32), (360, 480), (512, 1024), (1024, 512)])
def test_frames_of_many_sizes_are_within_what_a_plan_is_built_for(network, encoding):
    model = with_frame_input(seen_model(*network), encoding)
    ranges = fix_single_frame(model)
    assert {value.name for value in model.graph.input} - ranges.keys() == {'remap', 'threshold'}
    usual = frame_sampling((1080, 1920), place((1080, 1920), network, 'stretch'), (1080, 1920))
    tables = SimpleNamespace(**{name: each.usual for name, each in ranges.items()})
    assert tables.rows == usual.rows.indices.shape
    assert tables.columns == usual.columns.indices.shape
    assert (tables.mask_rows, tables.mask_columns) == ((1080,), (1920,))
    sizes = [(2160, 3840), (2159, 3839), (2160, 1000), (200, 3840), (48, 64), (720, 1280)]
    sizes += [(1440, 2560), (2100, 3600), (1536, 2048), (1080, 3840), (2048, 2048)]
    for size in sizes:
        for mode in ('stretch', 'letterbox'):
            found = frame_sampling(size, place(size, network, mode), size)
            for name, taps in (('rows', found.rows), ('columns', found.columns)):
                assert taps.indices.shape <= ranges[name].largest, (size, mode)
