# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A split file says by name what is trained on and what is scored."""

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_split
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.datasets.open_dataset import open_dataset
from rtformer_ros.training.datasets.predefined_split import load_split, PredefinedSplit
from training_scenes import write_picture
import yaml

LABELS = LabelSet.generic(2, 'camvid')
# Names as CamVid's: three drives, the third of which supplies val too.
TRAIN = ('0001TP_006690', '0001TP_006720', '0006R0_f00930', '0016E5_00390', '0016E5_08640')
VAL = ('0016E5_07959', '0016E5_07961')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('drives')
    for split, names in (('train', TRAIN), ('val', VAL)):
        for name in names:
            write_picture(folder / split / 'images' / f'{name}.png', np.zeros((8, 8, 3), np.uint8))
            write_picture(folder / split / 'labels' / f'{name}.png', np.zeros((8, 8), np.uint8))
    return folder


def names(root, part, split):
    dataset = open_dataset('folder', root, part, LABELS, split)
    for sample in dataset.samples:
        assert sample.label.stem == sample.image.stem
    return [sample.image.stem for sample in dataset.samples]


@pytest.mark.parametrize('drive', ['0001TP', '0006R0', '0016E5'])
def test_packaged_splits_leave_one_drive_out(root, drive):
    split = load_split(find_split(f'camvid_{drive}'))
    train, val = names(root, 'train', split), names(root, 'val', split)
    assert sorted(train + val) == sorted(TRAIN + VAL)
    assert {name.split('_')[0] for name in val} == {drive}
    assert drive not in {name.split('_')[0] for name in train}
    assert open_dataset('folder', root, 'val', LABELS, split).name == f'camvid val of {split.name}'


def test_the_packaged_trainval_split_trains_on_all_and_looks_at_val(root):
    split = load_split(find_split('camvid_trainval'))
    assert sorted(names(root, 'train', split)) == sorted(TRAIN + VAL)
    assert names(root, 'val', split) == list(VAL)


@pytest.mark.parametrize(
    ('pattern', 'expected'),
    [
        ('0016E5_0', ['0016E5_00390', '0016E5_08640', '0016E5_07959', '0016E5_07961']),
        ('*_?0390.png', ['0016E5_00390']),
        ('0001TP_0066[89]', ['0001TP_006690']),
        ('train/images/0016E5', ['0016E5_00390', '0016E5_08640']),
        ('*/images/*_f', ['0006R0_f00930']),
    ],
)
def test_prefixes_globs_and_paths_choose_samples(root, pattern, expected):
    assert names(root, 'val', PredefinedSplit('mine', ('*',), (pattern,))) == expected


def test_a_sample_that_two_patterns_fit_comes_once(root):
    split = PredefinedSplit('mine', ('0001TP', '0001', '*_006690'), ('0016E5',))
    assert names(root, 'train', split) == ['0001TP_006690', '0001TP_006720']


def test_a_pattern_that_fits_nothing_is_named(root):
    with pytest.raises(ConfigError, match=r"split mine: val has '0005VD', which fits none of the"):
        names(root, 'val', PredefinedSplit('mine', ('*',), ('0016E5', '0005VD')))


def test_splits_survive_plain_data():
    split = PredefinedSplit('mine', ('a', 'b*'), ('c',))
    assert PredefinedSplit.from_dict('mine', split.to_dict(), 'here') == split


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ({'train': ['a']}, 'expected a mapping of train and val'),
        ({'train': ['a'], 'val': ['b'], 'test': ['c']}, 'expected a mapping of train and val'),
        ({'train': 'a', 'val': ['b']}, "train is 'a'; expected a list"),
        ({'train': ['a'], 'val': []}, r'val is \[\]; expected a list'),
        ({'train': ['a'], 'val': [123]}, 'val has 123; expected text: put it in quotes'),
        ([1], 'expected a mapping'),
    ],
)
def test_broken_split_files_are_named(tmp_path, content, words):
    (tmp_path / 'mine.yaml').write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=rf'mine\.yaml.*{words}'):
        load_split(tmp_path / 'mine.yaml')


def test_missing_splits_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r'no split file .none.*camvid_0001TP, camvid_0006R0'):
        find_split('none')
    (tmp_path / 'cut.yaml').write_text('train: [')
    with pytest.raises(ConfigError, match='cannot read the split'):
        load_split(tmp_path / 'cut.yaml')
