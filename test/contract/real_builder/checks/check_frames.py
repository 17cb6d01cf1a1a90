# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Graphs that take camera frames, and those of pictures, become plans for one size of frames."""

import itertools

import onnx
from rtformer_ros.deploy.frames.frame_input import with_frame_input, with_sizes
from rtformer_ros.deploy.frames.pictures import color_mask_graph, overlay_graph
from rtformer_ros.engines.request import BuildOptions, BuildWatch
from rtformer_ros.engines.tensorrt.build.builder import build_plan

PIXELS = {
    'bgr8': {'width': 1920},
    'mono8': {'width': 1920},
    'yuyv': {'pairs': 960},
    'nv12': {'pairs': 960, 'chroma_height': 540},
}
WHOLE = list(itertools.product(PIXELS, ('fp32', 'fp16')))
FEW = [('nv12', 'fp32')]
SIZE = {'height': 1080, 'width': 1920}
TABLES = {'row_taps': 4, 'column_taps': 4, 'mask_height': 1080, 'mask_width': 1920}


def pytest_generate_tests(metafunc):
    if 'frames' in metafunc.fixturenames:
        chosen = WHOLE if metafunc.config.getoption('--whole') else FEW
        metafunc.parametrize('frames', chosen, ids=str)


def plan_of(model, path, precision):
    onnx.save(model, path)
    return build_plan(path, precision, BuildOptions(), BuildWatch()).plan


def test_an_export_with_frame_input_becomes_a_plan(exports, tmp_path, frames):
    encoding, form = frames
    model = with_frame_input(exports.get('slim', (360, 480), form), encoding)
    fixed = with_sizes(model, {'height': 1080, **PIXELS[encoding], **TABLES})
    assert plan_of(fixed, tmp_path / 'frame.onnx', 'typed' if form == 'fp16' else form)


def test_pictures_become_plans(tmp_path):
    assert plan_of(with_sizes(color_mask_graph(), SIZE), tmp_path / 'color_mask.onnx', 'fp32')
    for encoding, pixels in PIXELS.items():
        overlay = with_sizes(overlay_graph(encoding), {**SIZE, **pixels})
        assert plan_of(overlay, tmp_path / f'{encoding}.onnx', 'fp32')
