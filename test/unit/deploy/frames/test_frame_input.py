# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A graph that takes frames against the host's own way: decoding, resizing, enlarging."""

import cv2
from frame_graphs import feed, message_bytes, planes_of, seen_model, session
import numpy as np
import onnx
import pytest
from rtformer_ros.deploy.frames.frame_input import FRAME_ENCODING, with_frame_input, with_sizes
from rtformer_ros.deploy.graph_precision import to_fp16
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.imaging.resize import from_network, place, to_network
from street_images import ROOT, samples

SHIPPED = ROOT / 'models' / 'rtformer_slim_camvid_360x480.onnx'
NETWORK = (360, 480)


def expected_image(data, encoding, size, step, network, mode='stretch'):
    image_hwc = decode_image(data, encoding, *size, step, is_bigendian=False)
    return to_network(image_hwc, place(size, network, mode), np.empty((*network, 3), np.uint8))


@pytest.mark.parametrize('encoding', FRAME_ENCODINGS)
@pytest.mark.parametrize('padding', [0, 5])
def test_unresized_pixels_are_those_of_the_host(encoding, padding):
    size = (24, 34)
    data, step = message_bytes(encoding, *size, padding)
    graph = session(with_frame_input(seen_model(*size), encoding))
    planes = planes_of(data, encoding, size, step)
    red, blue, small = graph.run(None, feed(planes, size, size))
    expected = expected_image(data, encoding, size, step, size)
    allowed = 1 if 'y' in encoding or encoding.startswith('nv') else 0
    assert np.abs(red[0].astype(int) - expected[..., 0]).max() <= allowed
    assert np.abs(blue[0].astype(int) - expected[..., 2]).max() <= allowed
    assert np.array_equal(red, small)


@pytest.mark.parametrize('mode', ['stretch', 'letterbox'])
@pytest.mark.parametrize(
    'size', [(45, 61), (90, 160), (97, 200), (20, 22), (96, 128), (180, 240), (93, 259), (1, 300)]
)
def test_resized_pixels_are_those_of_the_host_but_for_its_rounding(size, mode):
    network = (24, 32)
    image = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8), (5, 5), 0
    )
    graph = session(with_frame_input(seen_model(*network), 'rgb8'))
    planes = planes_of(image.ravel(), 'rgb8', size, 3 * size[1])
    red, blue, small = graph.run(None, feed(planes, size, network, network, mode))
    expected = expected_image(image.ravel(), 'rgb8', size, 3 * size[1], network, mode)
    placement = place(size, network, mode)
    content = small[0]
    assert np.abs(content.astype(int) - expected[..., 0]).max() <= 2
    assert (np.abs(content.astype(int) - expected[..., 0]) <= 1).mean() >= 0.98
    assert np.array_equal(red[0], from_network(content, placement, network))
    assert blue.shape == red.shape


@pytest.fixture(scope='module')
def shipped():
    return session(with_frame_input(SHIPPED, 'rgb8')), session(onnx.load(SHIPPED))


@pytest.mark.parametrize('mask', [(1080, 1920), (361, 479), (200, 301), NETWORK])
def test_masks_of_one_resized_image_are_those_of_the_host(shipped, mask):
    graph, network = shipped
    image = samples(NETWORK)[0]
    remap = np.arange(256)[::-1].copy()
    planes = planes_of(image.ravel(), 'rgb8', NETWORK, 3 * NETWORK[1])
    given = feed(planes, NETWORK, NETWORK, mask, remap=remap, threshold=128)
    ids, confidence, small = graph.run(None, given)
    expected_ids, expected_confidence = network.run(None, {'image': image[np.newaxis]})
    expected = np.where(expected_confidence[0] < 128, 255, remap[expected_ids[0]])
    assert 0 < (expected == 255).mean() < 1
    placement = place(NETWORK, NETWORK, 'stretch')
    assert np.array_equal(small[0], expected)
    assert np.array_equal(ids[0], from_network(small[0], placement, mask))
    assert np.array_equal(confidence[0], from_network(expected_confidence[0], placement, mask))


@pytest.mark.parametrize('size', [(1080, 1920), (719, 1277)])
def test_masks_of_real_frames_agree_with_the_host(shipped, size):
    graph, network = shipped
    for image in samples(size)[::2]:
        planes = planes_of(image.ravel(), 'rgb8', size, 3 * size[1])
        ids = graph.run(None, feed(planes, size, NETWORK))[0][0]
        small = to_network(image, place(size, NETWORK, 'stretch'), np.empty((*NETWORK, 3), 'u1'))
        own = network.run(None, {'image': small[np.newaxis]})[0][0]
        expected = from_network(own, place(size, NETWORK, 'stretch'), size)
        assert (ids == expected).mean() >= 0.995


@pytest.mark.parametrize('precision', ['fp32', 'fp16'])
@pytest.mark.parametrize('encoding', ['bgr8', 'mono8', 'yuyv', 'nv12'])
def test_tensorrt_imports_the_graph(encoding, precision):
    source = to_fp16(SHIPPED) if precision == 'fp16' else SHIPPED
    model = with_frame_input(source, encoding)
    frame = {'height': 1080, 'row_taps': 4, 'column_taps': 4}
    wide = {'width': 1920} if encoding in ('bgr8', 'mono8') else {'pairs': 960}
    planes = {'chroma_height': 540} if encoding == 'nv12' else {}
    fixed = with_sizes(model, {**frame, **wide, **planes, 'mask_height': 1080, 'mask_width': 1920})
    assert {p.key: p.value for p in fixed.metadata_props}[FRAME_ENCODING] == encoding
    for release in ('8.6', '10'):
        assert check_operators(fixed, release) == []


def test_what_no_graph_takes_is_refused():
    with pytest.raises(ConfigError, match="'bayer_rggb8'; expected one of rgb8, bgr8"):
        with_frame_input(SHIPPED, 'bayer_rggb8')
    with pytest.raises(ModelError, match=r'has 9 input\(s\).* expected uint8 \[n, height'):
        with_frame_input(with_frame_input(SHIPPED, 'rgb8'), 'rgb8')
    with pytest.raises(ModelError, match='no dimension of the model is called depth'):
        with_sizes(with_frame_input(SHIPPED, 'rgb8'), {'depth': 3})
