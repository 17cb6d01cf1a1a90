# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check what a request for an engine fills in."""

import os

from foreign_onnx import ForeignModel
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.request import fixed_size
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelSet

SIDECAR = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}


@pytest.fixture
def model(tmp_path):
    return ForeignModel().write(tmp_path / 'm.onnx', SIDECAR)


class TestRequest:
    def test_leaves_a_core_free(self, model):
        cores = len(os.sched_getaffinity(0))
        assert EngineRequest(model).thread_count == max(1, cores - 1)
        assert EngineRequest(model, threads=3).thread_count == 3

    @pytest.mark.parametrize(('device', 'index'), [('auto', 0), ('cuda', 0), ('cuda:12', 12)])
    def test_knows_the_number_of_a_device(self, model, device, index):
        assert EngineRequest(model, device=device).cuda_index == index

    @pytest.mark.parametrize(
        ('own', 'asked', 'size'),
        [
            ((0, 0), (1, 2), (1, 2)),
            ((3, 4), None, (3, 4)),
            ((3, 4), (3, 4), (3, 4)),
            ((3, 0), (3, 9), (3, 9)),
        ],
    )
    def test_fills_in_sizes_that_a_model_leaves_open(self, model, own, asked, size):
        assert fixed_size(*own, EngineRequest(model, network_size=asked)) == size

    def test_the_description_fills_in_what_nobody_asks_for(self, model):
        assert fixed_size(0, 4, EngineRequest(model), (3, 9)) == (3, 4)
        assert fixed_size(0, 0, EngineRequest(model, network_size=(1, 2)), (3, 9)) == (1, 2)
        with pytest.raises(ConfigError, match='takes images of any size'):
            fixed_size(0, 4, EngineRequest(model), (0, 9))

    def test_labels_are_the_callers(self, model):
        labels = LabelSet.generic(4, 'mine')
        assert open_engine(EngineRequest(model, labels=labels)).description.labels is labels
