# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.class_options import (
    parse_class_filter,
    parse_class_remap,
    parse_colors,
)
from rtformer_ros.labels.label_set import LabelClass, LabelSet

LABELS = LabelSet(
    'street', tuple(LabelClass(name, (0, 0, 0)) for name in ('Road', 'Car', 'traffic light'))
)


def test_remap_reads_names_and_numbers():
    table = parse_class_remap(' road = Car , traffic light=255, 1=200 ', LABELS)
    assert len(table) == 256
    assert [table[i] for i in (0, 1, 2, 3, 255)] == [1, 200, 255, 3, 255]
    assert parse_class_remap('', LABELS) == b''


def test_filter_reads_names_and_numbers():
    assert parse_class_filter('CAR, 2,', LABELS) == {1, 2}
    assert parse_class_filter(' ', LABELS) is None


def test_colors_read_hex():
    assert parse_colors('Road=#804080, 200=#0A0b0c', LABELS) == {
        0: (128, 64, 128),
        200: (10, 11, 12),
    }


@pytest.mark.parametrize(
    ('parse', 'text', 'part'),
    [
        (parse_class_remap, 'Road', "'Road'"),
        (parse_class_remap, 'Road=', "'Road='"),
        (parse_class_remap, 'Tree=Road', "'Tree'"),
        (parse_class_remap, '3=Road', '0 to 2'),
        (parse_class_remap, 'Road=256', '256'),
        (parse_class_filter, 'Tree', 'Road, Car, traffic light'),
        (parse_colors, 'Road=red', "'red'"),
        (parse_colors, '#123456', "'#123456'"),
    ],
)
def test_error_names_the_entry(parse, text, part):
    with pytest.raises(ConfigError) as raised:
        parse(text, LABELS)
    assert part in str(raised.value)
