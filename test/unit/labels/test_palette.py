# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.labels.palette import palette_rgb, parse_color

LABELS = LabelSet('two', (LabelClass('road', (128, 64, 128)), LabelClass('sky', (1, 2, 3))))


def test_palette_holds_class_colours_and_black():
    palette = palette_rgb(LABELS)
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[:2].tolist() == [[128, 64, 128], [1, 2, 3]]
    assert not palette[2:].any()


def test_given_colours_replace_those_of_the_labels():
    assert palette_rgb(LABELS, {1: (9, 8, 7)})[:2].tolist() == [[128, 64, 128], [9, 8, 7]]


@pytest.mark.parametrize('class_id', [-1, 2, 255])
def test_a_colour_for_no_class_is_refused(class_id):
    with pytest.raises(ConfigError, match=f'class {class_id}; .* ids 0 to 1'):
        palette_rgb(LABELS, {class_id: (0, 0, 0)})


def test_parse_color():
    assert parse_color(' #80FF01 ') == (128, 255, 1)
    assert parse_color('000a0B') == (0, 10, 11)


@pytest.mark.parametrize('text', ['', '#12345', '#1234567', '#12345g', 'red', '12,3,4'])
def test_parse_color_refuses(text):
    with pytest.raises(ConfigError, match='#rrggbb'):
        parse_color(text)
