# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A picture as a frame is the picture again, when the host decodes it."""

import cv2
import numpy as np
import pytest
from rtformer_ros.engines.frames.picture_frame import encoded_picture, picture_frame
from rtformer_ros.imaging.encodings import decode_image
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from street_images import samples

SIZE = (62, 84)


@pytest.mark.parametrize('encoding', FRAME_ENCODINGS)
def test_the_host_sees_the_picture_again(encoding):
    # Colours are shared by neighbours, and so have to be smooth.
    image = cv2.GaussianBlur(samples(SIZE)[0], (0, 0), 3)
    data, step = encoded_picture(image, encoding)
    seen = decode_image(data, encoding, *SIZE, step, is_bigendian=False)
    grey = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., np.newaxis], 3, axis=2)
    expected = grey if encoding == 'mono8' else image
    difference = np.abs(seen.astype(int) - expected)
    is_yuv = encoding.startswith('nv') or 'y' in encoding
    assert difference.max() <= (12 if is_yuv else 0)
    assert difference.mean() <= 2


@pytest.mark.parametrize(('encoding', 'planes'), [('bgra8', 1), ('uyvy', 1), ('nv21', 2)])
def test_a_frame_has_a_mask_of_its_size(encoding, planes):
    frame = picture_frame(samples(SIZE)[0], encoding, (24, 32))
    assert (frame.encoding, len(frame.planes), frame.mask_size) == (encoding, planes, SIZE)
    assert frame.sampling.rows.indices.shape[1] == 24
    # What an engine gets without a copy are views.
    pairs = zip(frame.pixels().values(), frame.planes, strict=True)
    assert all(np.shares_memory(given, plane) for given, plane in pairs)
