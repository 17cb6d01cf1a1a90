# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames through an engine that takes them, against the host's way through the same engine."""

from contextlib import closing
import logging

import cv2
from foreign_onnx import ForeignModel
import numpy as np
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError
from rtformer_ros.imaging.encodings import decode_image, frame_planes
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from street_images import ROOT, samples

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
SIZE = (540, 722)


def open_for(encoding, model=SHIPPED, **arguments):
    request = EngineRequest(
        model, 'onnxruntime', device='cpu', threads=2, frame_encoding=encoding, **arguments
    )
    return closing(open_engine(request))


@pytest.fixture(scope='module')
def engine():
    with open_for('nv12') as opened:
        yield opened


@pytest.fixture(scope='module')
def frame():
    """Return the bytes of a street in NV12."""
    image = samples(SIZE)[0]
    planar = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).ravel()
    luma, chroma = planar[: SIZE[0] * SIZE[1]], planar[SIZE[0] * SIZE[1] :]
    return np.concatenate([luma, chroma.reshape(2, -1).T.ravel()])


@pytest.mark.parametrize('resize', ['stretch', 'letterbox'])
@pytest.mark.parametrize('output_size', ['source', 'network', (1081, 999)])
@pytest.mark.parametrize(('is_remapped', 'threshold'), [(False, 0.0), (True, 0.6)])
def test_settings_do_to_frames_what_they_do_to_images(
    engine, frame, resize, output_size, is_remapped, threshold
):
    remap = bytes(range(255, -1, -1)) if is_remapped else b''
    segmenter = Segmenter(engine, SegmentSettings(resize, output_size, remap, threshold))
    planes = frame_planes(frame, 'nv12', *SIZE, SIZE[1])
    result = segmenter.segment_frame('nv12', planes, SIZE)
    expected = segmenter.segment(decode_image(frame, 'nv12', *SIZE, SIZE[1], is_bigendian=False))
    assert result.class_map_hw.shape == expected.class_map_hw.shape
    assert (result.class_map_hw == expected.class_map_hw).mean() >= 0.995
    difference = np.abs(result.confidence_hw.astype(int) - expected.confidence_hw)
    assert (difference <= 8).mean() >= 0.98
    assert (result.small_class_map_hw is None) == (expected.small_class_map_hw is None)
    if result.small_class_map_hw is not None:
        assert result.small_class_map_hw.shape == expected.small_class_map_hw.shape


def test_a_foreign_model_runs_without_frames_and_says_why(tmp_path, caplog):
    rgb = {'layout': 'nchw_float', 'scale': 1 / 255}
    labels = LabelSet.generic(4, 'four').to_dict()
    description = {'input': rgb, 'output': 'logits', 'labels': labels}
    model = ForeignModel(shape=('n', 3, 48, 64)).write(tmp_path / 'foreign.onnx', description)
    with caplog.at_level(logging.WARNING), open_for('bgr8', model) as opened:
        assert opened.frame_encodings == frozenset()
        assert len(opened.infer(np.zeros((1, 48, 64, 3), np.uint8))) == 1
    assert 'no frame goes into the model as it comes: foreign.onnx takes nchw_float' in caplog.text


def test_an_encoding_that_no_engine_takes_is_refused():
    with pytest.raises(ConfigError, match="frame_encoding is 'bayer_rggb8'; expected one of rgb8"):
        EngineRequest(SHIPPED, frame_encoding='bayer_rggb8')
