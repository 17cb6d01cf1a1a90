# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Graphs of pictures against what OpenCV draws on the host."""

from frame_graphs import message_bytes, planes_of, session
import numpy as np
import pytest
from rtformer_ros.deploy.frames.frame_input import with_sizes
from rtformer_ros.deploy.frames.pictures import color_mask_graph, overlay_graph
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.drawing.class_colors import blend_overlay, colorize, hidden_pixels
from rtformer_ros.errors import ConfigError
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS

RNG = np.random.default_rng(5)
PALETTE = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
SHOWN = np.arange(256) % 3 > 0


def class_map(size):
    ids = RNG.integers(0, 12, size, dtype=np.uint8)
    ids[::3, ::2] = 255
    return ids


def test_the_colour_mask_is_that_of_the_host():
    graph = session(color_mask_graph())
    for size in ((37, 53), (1, 1)):
        ids = class_map(size)
        given = {'class_map': ids[np.newaxis], 'palette': PALETTE.astype(np.float32)}
        assert np.array_equal(graph.run(None, given)[0][0], colorize(ids, PALETTE))


@pytest.mark.parametrize('encoding', FRAME_ENCODINGS)
@pytest.mark.parametrize('alpha', [0.0, 0.5, 0.37, 1.0])
def test_the_overlay_is_that_of_the_host_but_for_rounding(encoding, alpha):
    size = (36, 54) if 'v' in encoding or 'y' in encoding else (37, 53)
    data, step = message_bytes(encoding, *size, padding=3)
    ids, planes = class_map(size), planes_of(data, encoding, size, step)
    opacity = np.where(SHOWN & (np.arange(256) < 255), alpha, 0).astype(np.float32)
    given = {
        'frame': planes[0][np.newaxis],
        'class_map': ids[np.newaxis],
        'palette': PALETTE.astype(np.float32),
        'opacity': opacity[:, np.newaxis],
    }
    if len(planes) > 1:
        rows = np.arange(size[0], dtype=np.int32) // 2
        given.update(chroma=planes[1][np.newaxis], chroma_rows=rows)
    overlay = session(overlay_graph(encoding)).run(None, given)[0][0]
    image = decode_image(data, encoding, *size, step, is_bigendian=False)
    hidden = hidden_pixels(ids, SHOWN)
    expected = blend_overlay(image, colorize(ids, PALETTE), alpha, hidden)
    assert np.abs(overlay.astype(int) - expected).max() <= 1
    if encoding == 'bgr8':
        assert np.array_equal(overlay[hidden > 0], image[hidden > 0])


@pytest.mark.parametrize('encoding', ['rgb8', 'bgra8', 'uyvy', 'nv21'])
def test_tensorrt_imports_both(encoding):
    size = {'height': 1080, 'width': 1920}
    more = {'uyvy': {'pairs': 960}, 'nv21': {'pairs': 960, 'chroma_height': 540}}
    overlay = with_sizes(overlay_graph(encoding), {**size, **more.get(encoding, {})})
    for model in (overlay, with_sizes(color_mask_graph(), size)):
        for release in ('8.6', '10'):
            assert check_operators(model, release) == []


def test_an_encoding_that_no_graph_takes_is_refused():
    with pytest.raises(ConfigError, match="'mono16'; expected one of rgb8"):
        overlay_graph('mono16')
