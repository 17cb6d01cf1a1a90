# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The packaged label sets are those published, and fit to be drawn and to plan with."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.training.datasets.cocostuff import UNUSED_IDS

FOLDER = Path(__file__).parents[3] / 'config' / 'labels'
COUNTS = {'ade20k': 150, 'camvid': 11, 'cityscapes': 19, 'cocostuff': 171, 'voc': 21}

# SHA-256 of the published lists. ADE20K: the first name of each row of objectInfo150.txt and the
# array of color150.mat, both of the scene parsing benchmark. COCO-Stuff: the names of labels.txt
# but for the ids that no class has. Names are joined by line feeds, colours are R, G, B bytes.
PUBLISHED_NAMES = {
    'ade20k': 'ffd47f2fcbad6c484a3e320702ff1278dae14e78d443d81987142210b70c5032',
    'cocostuff': '8ea44449837dceb30923012b201fe0152adc612160d0d040c9cfcd77e95f6801',
}
ADE20K_COLORS = 'ce475c9151035eff51f4cf27fd7d906959b1480f6d15b9423ae2417c1b23a0ed'
ROAD_RGB = (140, 140, 140)


def labels(name):
    return load_labels(FOLDER / f'{name}.yaml')


def pascal_voc_color(index):
    """The colour map of PASCAL VOC: bits 0, 3, 6 of the index are red's highest, and so on."""
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (index >> bit & 1) << 7 - bit // 3
    return tuple(channels)


def test_all_packaged_sets_are_tested():
    assert sorted(path.stem for path in FOLDER.glob('*.yaml')) == sorted(COUNTS)


@pytest.mark.parametrize('name', COUNTS)
def test_sets_are_whole_and_their_colours_distinct(name):
    packaged = labels(name)
    assert packaged.name == name
    assert len(packaged) == COUNTS[name]
    assert packaged.ignore_id not in range(len(packaged))
    colors = [label.color_rgb for label in packaged.classes]
    assert len(set(colors)) == len(colors)
    # Black is for pixels without a class.
    assert (0, 0, 0) not in colors
    assert all(each == each.strip() and each for each in packaged.names)


@pytest.mark.parametrize('name', PUBLISHED_NAMES)
def test_names_are_those_published_in_their_order(name):
    text = '\n'.join(labels(name).names).encode()
    assert hashlib.sha256(text).hexdigest() == PUBLISHED_NAMES[name]


def test_ade20k_has_the_published_colours_but_for_one():
    packaged = labels('ade20k')
    colors = [label.color_rgb for label in packaged.classes]
    skyscraper = packaged.id_of('skyscraper')
    assert colors[packaged.id_of('road')] == ROAD_RGB != colors[skyscraper]
    colors[skyscraper] = ROAD_RGB
    assert hashlib.sha256(np.array(colors, np.uint8).tobytes()).hexdigest() == ADE20K_COLORS


def test_voc_has_its_colours_but_for_black():
    packaged = labels('voc')
    colors = [label.color_rgb for label in packaged.classes]
    assert colors[1:] == [pascal_voc_color(index + 1) for index in range(20)]
    assert (packaged.id_of('person'), packaged.id_of('tvmonitor')) == (15, 20)


def test_cocostuff_has_the_colours_of_pascal_voc():
    colors = [label.color_rgb for label in labels('cocostuff').classes]
    assert colors == [pascal_voc_color(index + 1) for index in range(171)]
    # As published: aeroplane, bicycle, person (15) and tv (20) of PASCAL VOC.
    assert [pascal_voc_color(i) for i in (1, 2, 15, 20)] == [
        (128, 0, 0),
        (0, 128, 0),
        (192, 128, 128),
        (0, 64, 128),
    ]


@pytest.mark.parametrize(
    ('category_id', 'class_name'),
    # COCO's category ids of a few things and stuff, which the label files hold less one.
    [
        (1, 'person'),
        (13, 'stop sign'),
        (27, 'backpack'),
        (90, 'toothbrush'),
        (92, 'banner'),
        (149, 'road'),
        (157, 'sky-other'),
        (182, 'wood'),
    ],
)
def test_cocostuff_ids_without_a_class_are_skipped(category_id, class_name):
    file_ids = [i for i in range(182) if i not in UNUSED_IDS]
    assert labels('cocostuff').names[file_ids.index(category_id - 1)] == class_name


@pytest.mark.parametrize(
    ('name', 'groups'),
    [
        ('camvid', {'Road': 'drivable', 'Pavement': 'walkable', 'Car': 'dynamic', 'Sky': 'sky'}),
        ('cityscapes', {'road': 'drivable', 'sidewalk': 'walkable', 'rider': 'dynamic'}),
        (
            'ade20k',
            {
                'road': 'drivable',
                'sidewalk': 'walkable',
                'floor': 'walkable',
                'stairs': 'obstacle',
                'water': 'obstacle',
                'person': 'dynamic',
                'sky': 'sky',
                'ceiling': 'other',
            },
        ),
        (
            'cocostuff',
            {
                'road': 'drivable',
                'pavement': 'walkable',
                'floor-wood': 'walkable',
                'stairs': 'obstacle',
                'river': 'obstacle',
                'dog': 'dynamic',
                'clouds': 'sky',
                'ceiling-tile': 'other',
            },
        ),
    ],
)
def test_groups_say_where_a_robot_may_go(name, groups):
    packaged = labels(name)
    came = {each: packaged.classes[packaged.id_of(each)].group for each in groups}
    assert came == groups
    assert sum(label.group == 'sky' for label in packaged.classes) in (1, 2)
    assert sum(label.group == 'drivable' for label in packaged.classes) in (1, 2, 3)
