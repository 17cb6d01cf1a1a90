# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Files that strangers name lie in allowed folders, links followed."""

import pytest
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.files.packaged_files import check_allowed, find_labels, find_model


@pytest.fixture
def allowed(tmp_path):
    folder = tmp_path / 'allowed'
    folder.mkdir()
    (folder / 'good.onnx').write_bytes(b'')
    (tmp_path / 'secret.onnx').write_bytes(b'')
    (folder / 'link.onnx').symlink_to(tmp_path / 'secret.onnx')
    (tmp_path / 'way_in').symlink_to(folder)
    return folder


def test_inside_is_found(allowed, tmp_path):
    assert find_model(str(allowed / 'good.onnx'), [allowed]) == allowed / 'good.onnx'
    through_a_link = tmp_path / 'way_in' / 'good'
    assert find_model(str(through_a_link), [allowed]).samefile(allowed / 'good.onnx')
    assert find_model(str(allowed / 'good.onnx'), [tmp_path / 'way_in']).name == 'good.onnx'


def test_packaged_files_are_found_by_name(allowed):
    assert find_model('', [allowed]).is_file()
    assert find_model('rtformer_slim_camvid_360x480', [allowed]).is_file()
    assert find_labels('camvid', [allowed]).is_file()


@pytest.mark.parametrize('name', ['secret.onnx', 'nothing.onnx', 'allowed/../secret.onnx',
                                  'allowed/link.onnx', 'allowed_not/good.onnx'])  # fmt: skip
def test_outside_is_refused_whether_it_exists_or_not(allowed, tmp_path, name):
    with pytest.raises(ConfigError) as refused:
        find_model(str(tmp_path / name), [allowed])
    assert str(refused.value) == (
        f'model is {tmp_path / name}, outside of allowed_folders; expected it in {allowed}, or a '
        'packaged one by its name'
    )


def test_relative_path_out_of_the_current_folder_is_refused(allowed, tmp_path, monkeypatch):
    monkeypatch.chdir(allowed)
    assert find_model('good', [allowed]).name == 'good.onnx'
    with pytest.raises(ConfigError, match='outside of allowed_folders'):
        find_model(f'../../{tmp_path.name}/secret.onnx', [allowed])


def test_missing_inside_is_told(allowed):
    with pytest.raises(ModelError, match='there is no model file'):
        find_model(str(allowed / 'nothing.onnx'), [allowed])


def test_without_folders_everything_is_allowed(tmp_path):
    check_allowed(tmp_path / 'anything', [], 'model')
