# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Class shares are read from a file or counted in a data set."""

import json

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.tools.class_shares import read_class_shares
from training_scenes import scene, SCENES, write_scenes


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    'content',
    [
        {'post': 2, 'sky': 10, 'road': 5, 'house': 3},
        [0.5, 0.25, 0.15, 0.1],
    ],
)
def test_files_hold_shares_or_pixels_by_name_or_id(tmp_path, content):
    shares = read_class_shares(write(tmp_path / 'shares.json', content), SCENES)
    assert shares == pytest.approx((0.5, 0.25, 0.15, 0.1))


def test_training_labels_of_a_data_set_are_counted(tmp_path):
    write_scenes(tmp_path, train=3, val=1)
    counts = sum(np.bincount(scene(seed)[1].ravel(), minlength=4) for seed in range(3))
    assert read_class_shares(tmp_path, SCENES) == pytest.approx(counts / counts.sum())


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('{', 'cannot read class shares'),
        ({'sky': 1}, 'expected a number for each of: sky, road, house, post'),
        ([1, 2], 'expected 4 numbers'),
        (3, 'expected 4 numbers'),
        ([1, 2, -3, 4], '-3 is no share'),
        ([1, 2, 'a', 4], "'a' is no share"),
        ('[1, 2, NaN, 4]', 'nan is no share'),
        ([0, 0, 0, 0], 'no pixel of any class'),
    ],
)
def test_files_that_hold_no_shares_are_refused(tmp_path, content, words):
    with pytest.raises(ConfigError, match=words):
        read_class_shares(write(tmp_path / 'shares.json', content), SCENES)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r'none\.json'):
        read_class_shares(tmp_path / 'none.json', SCENES)
