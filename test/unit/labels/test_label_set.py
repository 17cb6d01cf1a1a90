# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check label sets: what is accepted, what is refused and with which words."""

import colorsys
import csv
import io
from pathlib import Path

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.labels.label_set import (
    distinct_colors,
    LabelClass,
    LabelSet,
    load_labels,
)
import yaml

CONFIG = Path(__file__).parents[3] / 'config' / 'labels'

# CamVid in 11 classes: name, colour and order of SegNet's tutorial; 11 is its 'unlabelled'.
CAMVID = """\
Sky,128,128,128
Building,128,0,0
Pole,192,192,128
Road,128,64,128
Pavement,60,40,222
Tree,128,128,0
SignSymbol,192,128,128
Fence,64,64,128
Car,64,0,128
Pedestrian,64,64,0
Bicyclist,0,128,192
"""

# The 19 train ids of cityscapesScripts (helpers/labels.py).
CITYSCAPES = """\
road,128,64,128
sidewalk,244,35,232
building,70,70,70
wall,102,102,156
fence,190,153,153
pole,153,153,153
traffic light,250,170,30
traffic sign,220,220,0
vegetation,107,142,35
terrain,152,251,152
sky,70,130,180
person,220,20,60
rider,255,0,0
car,0,0,142
truck,0,0,70
bus,0,60,100
train,0,80,100
motorcycle,0,0,230
bicycle,119,11,32
"""


def two_classes():
    return LabelSet('two', (LabelClass('road', (1, 2, 3), 'drivable'), LabelClass('7', (4, 5, 6))))


@pytest.mark.parametrize(
    ('file', 'published', 'ignore_id'),
    [('camvid.yaml', CAMVID, 11), ('cityscapes.yaml', CITYSCAPES, 255)],
)
def test_packaged_sets_are_those_published(file, published, ignore_id):
    labels = load_labels(CONFIG / file)
    rows = [(name, tuple(map(int, color))) for name, *color in csv.reader(io.StringIO(published))]
    assert [(c.name, c.color_rgb) for c in labels.classes] == rows
    assert labels.ignore_id == ignore_id


def test_plain_data_survives_a_yaml_round_trip(tmp_path):
    labels = LabelSet('two', two_classes().classes, ignore_id=0)
    file = tmp_path / 'two.yaml'
    file.write_text(yaml.safe_dump(labels.to_dict()))
    assert load_labels(file) == labels


def test_a_set_without_a_name_is_called_after_its_file(tmp_path):
    file = tmp_path / 'harbour.yaml'
    file.write_text('classes: [{name: water, color: [0, 0, 255]}]')
    labels = load_labels(file)
    assert labels.name == 'harbour'
    assert labels.classes == (LabelClass('water', (0, 0, 255), 'other'),)
    assert labels.ignore_id == 255


@pytest.mark.parametrize(
    ('text', 'class_id'), [('road', 0), (' ROAD ', 0), ('0', 0), ('1', 1), ('7', 1)]
)
def test_a_name_goes_before_a_number(text, class_id):
    assert two_classes().id_of(text) == class_id


@pytest.mark.parametrize('text', ['', '2', '-1', '1.0', 'roa', '²'])
def test_what_no_class_is_called_is_refused_with_the_choices(text):
    with pytest.raises(ConfigError, match=r"no class of label set 'two'.* 0 to 1 or .* road, 7"):
        two_classes().id_of(text)


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (None, "here: expected a mapping with a list 'classes'"),
        ({'classes': {}}, "here: expected a mapping with a list 'classes'"),
        ({'classes': []}, 'has 0 classes; expected 1 to 255'),
        (
            {'classes': ['road']},
            "class 0: expected a mapping with a text 'name', got a text of 4 characters",
        ),
        ({'classes': [{'name': 1, 'color': [0, 0, 0]}]}, "class 0: .* text 'name'"),
        ({'classes': [{'name': 'a', 'color': [0, 0, 0], 'colour': 1}]}, 'unknown key.* colour'),
        (
            {'classes': [{'name': 'a'}]},
            "class 0 'a': color is nothing; expected .r, g, b., 0..255",
        ),
        ({'classes': [{'name': 'a', 'color': [0, 0]}]}, 'color is a list of 2'),
        ({'classes': [{'name': 'a', 'color': [0, 0, 256]}]}, 'color is a list of 3'),
        ({'classes': [{'name': 'a', 'color': [0, 0, True]}]}, 'color is a list of 3'),
        ({'classes': [{'name': 'a', 'color': [0, 0, 0.5]}]}, 'color is a list of 3'),
        (
            {'classes': [{'name': 'a', 'color': [0, 0, 0], 'group': 'fly'}]},
            'group is a text of 3 characters; expected one of drivable, walkable, obstacle, '
            'dynamic, sky, other',
        ),
        ({'classes': [{'name': n, 'color': [0, 0, 0]} for n in ('a', 'B', 'A')]}, 'repeats .* a;'),
        (
            {'classes': [{'name': 'a', 'color': [0, 0, 0]}], 'ignore_id': 256},
            'ignore_id is 256; expected 0 to 255',
        ),
    ],
)
def test_bad_data_is_refused_with_the_entry_at_fault(data, message):
    with pytest.raises(ConfigError, match=message):
        LabelSet.from_dict(data, 'here')


@pytest.mark.parametrize('content', [b'\xff\xfe\xfa', b'classes: [', None])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / 'broken.yaml'
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r'cannot read the label file .*broken\.yaml'):
        load_labels(file)


@pytest.mark.parametrize('count', [1, 2, 19, 150, 255])
def test_generated_colours_differ(count):
    colors = distinct_colors(count)
    assert len(set(colors)) == count
    assert all(0 <= channel <= 255 for color in colors for channel in color)
    # Vivid: none is near the grey of a camera picture.
    assert min(colorsys.rgb_to_hsv(*color)[1] for color in colors) > 0.7


def test_generic_names_are_the_ids():
    labels = LabelSet.generic(12, 'spare')
    assert labels.names[:2] == ('class_0', 'class_1')
    assert labels.id_of('class_11') == 11
    assert labels.name == 'spare'


def test_more_classes_than_a_mask_can_hold_are_refused():
    assert len(LabelSet.generic(255)) == 255
    with pytest.raises(ConfigError, match=r'has 256 classes; expected 1 to 255'):
        LabelSet.generic(256)
