# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A plan is measured against what ONNX Runtime says of real photographs."""

import numpy as np
import onnxruntime
import pytest
from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.tensorrt.build.verification import Reference, reference_of
from rtformer_ros.errors import ModelError
from rtformer_ros.files.packaged_files import find_model


def test_the_reference_is_what_onnx_runtime_says_of_two_street_photographs():
    model = find_model('')
    reference = reference_of(EngineRequest(model, device='cpu', threads=1))
    images_nhwc = reference.images_nhwc
    assert (images_nhwc.shape, images_nhwc.dtype) == ((2, 360, 480, 3), np.uint8)
    assert (images_nhwc[0] != images_nhwc[1]).mean() > 0.5
    session = onnxruntime.InferenceSession(str(model), providers=['CPUExecutionProvider'])
    expected, _ = session.run(None, {'image': images_nhwc})
    assert (reference.class_map_nhw == expected).mean() > 0.9999
    # Only an image of many classes can show that a plan mixes them up.
    assert len(np.unique(expected)) >= 8
    assert reference.num_classes == 11
    assert reference.agreement_of(expected) > 0.9999


def test_as_many_images_are_compared_as_are_asked_for():
    images_nhwc, class_map_nhw = np.arange(2, dtype=np.uint8), np.arange(5, 7, dtype=np.uint8)
    reference = Reference(images_nhwc, class_map_nhw, 3)
    assert reference.repeated(1).images_nhwc.tolist() == [0]
    assert reference.repeated(5).images_nhwc.tolist() == [0, 1, 0, 1, 0]
    assert reference.repeated(5).class_map_nhw.tolist() == [5, 6, 5, 6, 5]


def test_agreement_is_that_of_the_worst_image():
    class_map_nhw = np.zeros((2, 10, 20), np.uint8)
    reference = Reference(np.zeros((2, 10, 20, 3), np.uint8), class_map_nhw, 3)
    changed = class_map_nhw.copy()
    changed[1, :5, :4] = 2
    assert reference.agreement_of(class_map_nhw) == 1.0
    assert reference.agreement_of(changed) == 0.9


def test_a_result_of_another_shape_is_refused():
    reference = Reference(np.zeros((1, 4, 6, 3), np.uint8), np.zeros((1, 4, 6), np.uint8), 3)
    with pytest.raises(ModelError, match=r'\[1, 6, 4\]; expected \[1, 4, 6\]'):
        reference.agreement_of(np.zeros((1, 6, 4), np.uint8))
