# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Graphs that take camera frames of any size, and those of pictures, become plans."""

import itertools

import onnx
from rtformer_ros.deploy.frames.frame_input import with_sizes
from rtformer_ros.deploy.frames.pictures import color_mask_graph, overlay_graph
from rtformer_ros.engines.frames.painting import PICTURES
from rtformer_ros.engines.request import BuildOptions, BuildWatch
from rtformer_ros.engines.tensorrt.build.builder import build_plan
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.engines.tensorrt.frames.frame_shapes import fix_single_picture
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS

PIXELS = {
    'bgr8': {'width': 1920},
    'mono8': {'width': 1920},
    'yuyv': {'pairs': 960},
    'nv12': {'pairs': 960, 'chroma_height': 540},
}
FORMS = (('fp32', 'auto'), ('fp32', 'fp32'), ('fp16', 'auto'), ('int8', 'auto'))
SLIM, BASE = ('slim', (360, 480)), ('base', (512, 1024))
WHOLE = [
    *itertools.product([SLIM], PIXELS, FORMS),
    *itertools.product([BASE], ['nv12'], FORMS),
]
FEW = [(SLIM, 'nv12', ('fp32', 'auto'))]
SIZE = {'height': 1080, 'width': 1920}


def pytest_generate_tests(metafunc):
    if 'frames' in metafunc.fixturenames:
        chosen = WHOLE if metafunc.config.getoption('--whole') else FEW
        metafunc.parametrize('frames', chosen, ids=str)


def test_a_plan_for_frames_of_any_size_is_built_at_the_first_attempt(bench, exports, frames):
    network, encoding, (form, asked) = frames
    model = exports.get(*network, form)
    request = bench.request(model, precision=asked, frame_encoding=encoding)
    prepared = bench.prepare(request)
    assert prepared.is_new
    assert prepared.record.notes == ()
    assert prepared.record.key.frame_encoding == encoding
    plans = FramePlans.from_bytes(prepared.plan)
    assert plans.masks
    assert plans.pictures.keys() == PICTURES
    assert not bench.prepare(request).is_new


def test_pictures_become_plans_of_one_size(tmp_path):
    models = {'color_mask': with_sizes(color_mask_graph(), SIZE)}
    for encoding, pixels in PIXELS.items():
        models[encoding] = with_sizes(overlay_graph(encoding), {**SIZE, **pixels})
    for name, model in models.items():
        path = tmp_path / f'{name}.onnx'
        onnx.save(model, path)
        assert build_plan(path, 'fp32', BuildOptions(), BuildWatch()).plan


def test_pictures_of_all_encodings_become_plans_for_all_sizes(tmp_path):
    for encoding in FRAME_ENCODINGS:
        model = overlay_graph(encoding)
        shapes = fix_single_picture(model)
        path = tmp_path / f'{encoding}.onnx'
        onnx.save(model, path)
        assert build_plan(path, 'fp32', BuildOptions(), BuildWatch(), b'', shapes).plan
