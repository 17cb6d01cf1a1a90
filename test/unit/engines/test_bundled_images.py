# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the photographs on which a model is tried."""

import numpy as np
import pytest
from rtformer_ros.engines import bundled_images
from rtformer_ros.errors import EngineError


def test_photographs_have_the_size_of_the_model():
    images_nhwc = bundled_images.bundled_images((90, 120))
    assert (images_nhwc.shape, images_nhwc.dtype) == ((2, 90, 120, 3), np.uint8)
    assert not np.array_equal(images_nhwc[0], images_nhwc[1])


def test_photographs_that_are_missing_are_no_fault_of_the_model(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled_images, 'share_directories', lambda: [tmp_path])
    with pytest.raises(EngineError, match=r'leuven_a\.jpg .*Install rtformer_ros again'):
        bundled_images.bundled_paths()
