# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every encoding against formulas in plain NumPy, and malformed messages."""

import json
from pathlib import Path
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.encodings import decode_image, SUPPORTED_ENCODINGS

SEED = 7
CHANNEL_ORDER = {'rgb': (0, 1, 2), 'bgr': (2, 1, 0), 'mono': (0, 0, 0)}
BAYER_PATTERNS = ('rggb', 'bggr', 'gbrg', 'grbg')


def padded(rows, padding, rng):
    """Return the bytes of rows [H, N] with `padding` noise bytes after each, and the step."""
    noise = rng.integers(0, 256, (len(rows), padding), dtype=np.uint8)
    return np.hstack([rows, noise]).reshape(-1), rows.shape[1] + padding


def as_bytes(samples, is_bigendian):
    """Return samples [H, W, C] as the bytes of rows [H, N]."""
    if samples.dtype == np.uint16:
        samples = samples.astype('>u2' if is_bigendian else '<u2')
    return np.frombuffer(samples.tobytes(), np.uint8).reshape(len(samples), -1)


def rgb_from_yuv(y, u, v):
    """BT.601, video range (ITU-R BT.601-7), in floating point."""
    y, u, v = (np.asarray(plane, np.float64) for plane in (y, u, v))
    luma = 255 / 219 * np.maximum(y - 16, 0)
    u, v = (255 / 112 * (plane - 128) for plane in (u, v))
    red = luma + 0.701 * v
    green = luma - 0.886 * 0.114 / 0.587 * u - 0.701 * 0.299 / 0.587 * v
    blue = luma + 0.886 * u
    return np.clip(np.stack([red, green, blue], -1), 0, 255)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(['rgb', 'bgr', 'mono']),
    alpha=st.booleans(),
    bits=st.sampled_from([8, 16]),
    is_bigendian=st.booleans(),
    height=st.integers(1, 9),
    width=st.integers(1, 11),
    padding=st.integers(0, 7),
)
def test_packed_encodings_reorder_and_scale(
    kind, alpha, bits, is_bigendian, height, width, padding
):
    alpha = alpha and kind != 'mono'
    rng = np.random.default_rng(SEED)
    channels = len(set(CHANNEL_ORDER[kind])) + alpha
    dtype = np.uint8 if bits == 8 else np.uint16
    samples = rng.integers(0, 2**bits, (height, width, channels), dtype=dtype)
    data, step = padded(as_bytes(samples, is_bigendian), padding, rng)

    encoding = f'{kind}{"a" if alpha else ""}{bits}'
    image = decode_image(data, encoding, height, width, step, is_bigendian)

    scaled = samples if bits == 8 else np.rint(samples / 65535 * 255).astype(np.uint8)
    expected = scaled[..., CHANNEL_ORDER[kind]]
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize('is_bigendian', [False, True])
def test_mono16_rounds_every_value(is_bigendian):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    data, step = padded(as_bytes(values, is_bigendian), 1, np.random.default_rng(SEED))
    image = decode_image(data, 'mono16', 256, 256, step, is_bigendian)
    np.testing.assert_array_equal(
        image[..., 0], (values[..., 0].astype(int) * 255 + 32767) // 65535
    )


@pytest.mark.parametrize('padding', [0, 5])
def test_rgb8_is_a_view(padding):
    rows = np.arange(4 * 18, dtype=np.uint8).reshape(4, 18)
    data, step = padded(rows, padding, np.random.default_rng(SEED))
    image = decode_image(data, 'rgb8', 4, 6, step, False)
    assert np.shares_memory(image, data)
    data[:] = 9
    assert (image == 9).all()


def test_read_only_bytes_are_taken():
    data = np.frombuffer(bytes(range(12)), np.uint8)
    image = decode_image(data, 'bgr8', 2, 2, 6, False)
    assert image[0, 0].tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ('encoding', 'places'),
    [
        ('yuv422', (1, 0, 2)),
        ('uyvy', (1, 0, 2)),
        ('yuv422_yuy2', (0, 1, 3)),
        ('yuyv', (0, 1, 3)),
    ],
)
@pytest.mark.parametrize('padding', [0, 3])
def test_yuv422(encoding, places, padding):
    rng = np.random.default_rng(SEED)
    pairs = rng.integers(0, 256, (6, 5, 4), dtype=np.uint8)
    first_y, u, v = places
    luma = pairs[..., [first_y, first_y + 2]].reshape(6, 10)
    expected = rgb_from_yuv(luma, *(pairs[..., place].repeat(2, axis=1) for place in (u, v)))
    data, step = padded(pairs.reshape(6, 20), padding, rng)
    image = decode_image(data, encoding, 6, 10, step, False)
    assert np.abs(image - expected).max() <= 1.0


@pytest.mark.parametrize(('encoding', 'chroma_step'), [('nv12', 2), ('nv21', 2), ('nv24', 1)])
@pytest.mark.parametrize('padding', [0, 3])
def test_planar_yuv(encoding, chroma_step, padding):
    rng = np.random.default_rng(SEED)
    height, width = 6, 10
    luma = rng.integers(0, 256, (height, width), dtype=np.uint8)
    chroma = rng.integers(0, 256, (height // chroma_step, width // chroma_step, 2), dtype=np.uint8)
    luma_bytes, step = padded(luma, padding, rng)
    # The chroma rows of nv24 are twice as long as the luma rows, padding included.
    chroma_padding = padding * 2 // chroma_step
    chroma_bytes, _ = padded(chroma.reshape(len(chroma), -1), chroma_padding, rng)
    u, v = np.moveaxis(chroma, -1, 0)[:: -1 if encoding == 'nv21' else 1]
    expected = rgb_from_yuv(
        luma, *(plane.repeat(chroma_step, 0).repeat(chroma_step, 1) for plane in (u, v))
    )
    data = np.concatenate([luma_bytes, chroma_bytes])
    image = decode_image(data, encoding, height, width, step, False)
    assert np.abs(image - expected).max() <= 1.0


@pytest.mark.parametrize('pattern', BAYER_PATTERNS)
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer_of_a_flat_colour_is_that_colour(pattern, bits):
    color = {'r': 200, 'g': 100, 'b': 50}
    tile = np.array([color[letter] for letter in pattern]).reshape(2, 2, 1)
    mosaic = np.tile(tile, (4, 5, 1))
    samples = (mosaic * (257 if bits == 16 else 1)).astype(np.uint8 if bits == 8 else np.uint16)
    data, step = padded(as_bytes(samples, False), 3, np.random.default_rng(SEED))
    image = decode_image(data, f'bayer_{pattern}{bits}', 8, 10, step, False)
    assert (image == [200, 100, 50]).all()


def test_bayer_is_bilinear_inside():
    mosaic = np.random.default_rng(SEED).integers(0, 256, (8, 8), dtype=np.uint8)
    image = decode_image(mosaic.reshape(-1), 'bayer_rggb8', 8, 8, 8, False).astype(float)
    wide = mosaic.astype(float)
    # (2, 2) is a red site, (3, 3) a blue one.
    assert image[2, 2, 0] == wide[2, 2]
    assert image[3, 3, 2] == wide[3, 3]
    assert abs(image[2, 2, 1] - wide[[1, 3, 2, 2], [2, 2, 1, 3]].mean()) <= 1
    assert abs(image[2, 2, 2] - wide[[1, 1, 3, 3], [1, 3, 1, 3]].mean()) <= 1


@pytest.mark.parametrize(
    ('encoding', 'height', 'width', 'step', 'size', 'reason'),
    [
        ('rgb8', 4, 6, 18, 71, '71 bytes of data; expected 72'),
        ('rgb8', 4, 6, 17, 100, 'step of 17 bytes; one row takes 18'),
        ('rgb8', 4, 6, 0, 100, 'step of 0 bytes'),
        ('rgb8', 0, 6, 18, 0, '6x0 pixels'),
        ('mono8', 4, 0, 0, 0, '0x4 pixels'),
        ('mono16', 2, 3, 5, 100, 'one row takes 6'),
        ('uyvy', 2, 3, 6, 100, 'multiple of 2'),
        ('nv12', 3, 4, 4, 100, 'multiple of 2'),
        ('nv12', 4, 4, 4, 23, '23 bytes of data; expected 24'),
        ('nv24', 4, 4, 4, 47, '47 bytes of data; expected 48'),
        ('bayer_rggb8', 2, 8, 8, 100, 'at least 3x3'),
        ('', 2, 2, 6, 100, "encoding '' is not supported"),
        ('32FC1', 2, 2, 8, 100, 'expected one of: rgb8, bgr8'),
    ],
)
def test_malformed_messages_say_what_is_wrong(encoding, height, width, step, size, reason):
    with pytest.raises(ImageError, match=reason):
        decode_image(np.zeros(size, np.uint8), encoding, height, width, step, False)


def test_more_data_than_needed_is_taken():
    data = np.arange(100, dtype=np.uint8)
    assert decode_image(data, 'mono8', 2, 3, 3, False)[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


CV_BRIDGE_SCRIPT = Path(__file__).parents[2] / 'helpers' / 'cv_bridge_reference.py'
SYSTEM_PYTHON = Path('/usr/bin/python3')


def convert_with_cv_bridge(cases):
    """Convert in the system's Python: cv_bridge crashes with the NumPy 2 that may be here."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip(f'{SYSTEM_PYTHON} is not here, so no cv_bridge to compare with')
    done = subprocess.run(
        [str(SYSTEM_PYTHON), str(CV_BRIDGE_SCRIPT)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env={'PATH': '/usr/bin:/bin'},
        timeout=60,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:]
        pytest.skip(f'cv_bridge cannot be used from {SYSTEM_PYTHON}: {reason}')
    return json.loads(done.stdout)


def test_same_as_cv_bridge():
    rng = np.random.default_rng(SEED)
    height, width = 6, 10
    cases = []
    for encoding in SUPPORTED_ENCODINGS:
        data = rng.integers(0, 256, height * width * 8, dtype=np.uint8)
        step = width * next(
            size
            for prefix, size in {
                'rgba16': 8, 'bgra16': 8, 'rgb16': 6, 'bgr16': 6, 'rgba8': 4, 'bgra8': 4,
                'rgb8': 3, 'bgr8': 3, 'mono16': 2, 'yu': 2, 'uyvy': 2, 'mono8': 1, 'nv': 1,
                'bayer': 2 if encoding.endswith('16') else 1,
            }.items()
            if encoding.startswith(prefix)
        )  # fmt: skip
        cases.append(
            {'encoding': encoding, 'height': height, 'width': width, 'step': step,
             'data': data[: height * step].tolist()}
        )  # fmt: skip
    compared = []
    for case, reference in zip(cases, convert_with_cv_bridge(cases), strict=True):
        # None: an encoding that this cv_bridge does not know.
        if reference is None or case['encoding'].startswith('nv'):
            continue
        data = np.array(case['data'], np.uint8)
        image = decode_image(data, case['encoding'], height, width, case['step'], False)
        difference = np.abs(image.astype(int) - np.array(reference))
        assert difference.max() <= 1, case['encoding']
        compared.append(case['encoding'])
    assert {'bgr8', 'mono16', 'bayer_grbg8', 'yuv422'} <= set(compared)
