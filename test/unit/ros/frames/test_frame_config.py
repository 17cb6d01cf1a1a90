# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which frames go into an engine as they came, by their encoding, their size and that of masks."""

from pathlib import Path

import pytest
from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.ros.frames.config import configure_frames
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS


class BoundedEngine(Engine):
    """Takes frames of NV12 up to a size; it is asked for nothing else here."""

    frame_encodings = frozenset({'nv12'})

    def __init__(self, largest):
        labels = LabelSet.generic(3)
        super().__init__(EngineDescription('bounded', 'cpu', Path('m.onnx'), 36, 48, labels))
        self._largest = largest

    @property
    def largest_frame(self):
        return self._largest

    @classmethod
    def open(cls, request):
        raise NotImplementedError

    def _run(self, images_nhwc):
        raise NotImplementedError

    def _release(self):
        pass


@pytest.fixture
def configured():
    """Return a function that configures frames with parameters."""

    def configured_(largest=(2160, 3840), **values):
        defaults = {name: spec.default for name, spec in SPECS.items()}
        settings = NodeSettings.from_values({**defaults, **values})
        return configure_frames(BoundedEngine(largest), settings.frame)

    return configured_


def test_frames_up_to_the_largest_go_in(configured):
    config = configured()
    assert config.reason_against_frames('nv12') == ''
    assert config.reason_against_frames('rgb8') == "the engine takes nv12, not 'rgb8'"
    for size in ((2160, 3840), (2, 2), (1080, 1920)):
        assert config.reason_against_size(size) == ''
    for size in ((2162, 1000), (1000, 3842)):
        assert config.reason_against_size(size) == (
            'the engine takes frames and makes masks of 3840 x 2160 pixels at most, '
            f'not {size[1]} x {size[0]}'
        )
    assert configured(None).reason_against_size((9000, 9000)) == ''


def test_a_mask_that_is_too_large_is_made_on_the_host(configured):
    config = configured(output_size='5000x100')
    assert 'not 5000 x 100' in config.reason_against_size((100, 100))
    assert configured(output_size='network').reason_against_size((100, 100)) == ''
