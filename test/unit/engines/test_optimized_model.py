# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model that is prepared in another process is the same model; one that cannot be says why."""

from dataclasses import replace
from pathlib import Path

from closed_form_models import brightest_channel
import numpy as np
import pytest
from rtformer_ros.engines import BuildWatch, EngineRequest, open_engine
from rtformer_ros.errors import EngineBuildCancelled, ModelError
from warden import marked_processes

BUNDLED = Path(__file__).parents[3] / 'models' / 'rtformer_slim_camvid_360x480.onnx'


def test_it_computes_the_same():
    request = EngineRequest(BUNDLED, 'onnxruntime', threads=1)
    images = np.random.default_rng(0).integers(0, 256, (1, 360, 480, 3), np.uint8)
    results = []
    for gives_way in (False, True):
        engine = open_engine(replace(request, gives_way=gives_way))
        results.append((engine.description, engine.infer(images)))
        engine.close()
    (plain, first), (prepared, second) = results
    assert prepared == plain
    np.testing.assert_array_equal(first.class_map_nhw, second.class_map_nhw)
    np.testing.assert_array_equal(first.confidence_nhw, second.confidence_nhw)


def test_the_model_is_loaded_as_it_is_where_there_is_no_room_for_another_form(
    tmp_path, monkeypatch
):
    model = brightest_channel(tmp_path / 'rgb.onnx')
    monkeypatch.setattr('tempfile.tempdir', '/nowhere')
    engine = open_engine(EngineRequest(model, 'onnxruntime', gives_way=True))
    assert engine.infer(np.zeros((1, 48, 64, 3), np.uint8)).class_map_nhw.shape == (1, 48, 64)
    engine.close()


def test_a_file_that_is_no_model_is_refused_with_the_librarys_reason(tmp_path):
    (tmp_path / 'odd.onnx').write_bytes(
        brightest_channel(tmp_path / 'rgb.onnx').read_bytes()[:900]
    )
    with pytest.raises(ModelError, match=r'odd.onnx cannot be loaded as an ONNX model: .{10}'):
        open_engine(EngineRequest(tmp_path / 'odd.onnx', 'onnxruntime', gives_way=True))


def test_it_is_called_off_at_once_and_nothing_stays(tmp_path, monkeypatch):
    monkeypatch.setenv('MARK_OF_THIS_TEST', str(tmp_path))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    watch = BuildWatch(
        is_cancelled=lambda: bool(marked_processes(str(tmp_path), 'MARK_OF_THIS_TEST'))
    )
    request = EngineRequest(BUNDLED, 'onnxruntime', watch=watch, gives_way=True)
    with pytest.raises(EngineBuildCancelled):
        open_engine(request)
    assert not marked_processes(str(tmp_path), 'MARK_OF_THIS_TEST')
    assert list(tmp_path.iterdir()) == []
