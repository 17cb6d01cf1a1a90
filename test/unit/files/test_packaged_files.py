# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.files.packaged_files import (
    find_labels,
    find_model,
    find_topic_names,
    model_licence,
)


def test_labels_by_name_by_path_and_from_the_current_folder(tmp_path, monkeypatch):
    assert find_labels('camvid').name == 'camvid.yaml'
    own = tmp_path / 'own.yaml'
    own.write_text('classes: []')
    assert find_labels(str(own)) == own
    monkeypatch.chdir(tmp_path)
    assert find_labels('own.yaml') == own


def test_files_of_an_installed_package_are_found(tmp_path, monkeypatch):
    share = tmp_path / 'share' / 'rtformer_ros'
    (share / 'models').mkdir(parents=True)
    (share / 'models' / 'other.onnx').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')
    for text in ('other.onnx', 'models/other.onnx'):
        assert find_model(text) == share / 'models' / 'other.onnx'


def test_home_is_expanded(tmp_path, monkeypatch):
    (tmp_path / 'mine.onnx').touch()
    monkeypatch.setenv('HOME', str(tmp_path))
    assert find_model('~/mine.onnx') == tmp_path / 'mine.onnx'


@pytest.mark.parametrize('text', ['$HOME/mine.onnx', '${HOME}/mine.onnx', '~/mine', '$HOME/mine'])
def test_home_is_expanded_as_a_shell_does(text, tmp_path, monkeypatch):
    (tmp_path / 'mine.onnx').touch()
    monkeypatch.setenv('HOME', str(tmp_path))
    assert find_model(text) == tmp_path / 'mine.onnx'


def test_no_other_variable_is_shown_to_whoever_sets_a_path(monkeypatch):
    monkeypatch.setenv('HOMELY', 'secret')
    for text in ('$HOMELY/mine.onnx', '/$HOMELY', '/${HOMELY}'):
        with pytest.raises(ModelError) as caught:
            find_model(text)
        assert 'secret' not in str(caught.value)


def test_models_are_found_without_their_extension(tmp_path, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    models = tmp_path / 'share' / 'rtformer_ros' / 'models'
    models.mkdir(parents=True)
    for name in ('own_v1.2.onnx', 'own_v1.2.safetensors', 'weights.safetensors'):
        (models / name).touch()
    assert find_model('own_v1.2') == models / 'own_v1.2.onnx'
    assert find_model('weights') == models / 'weights.safetensors'
    assert find_model('rtformer_slim_camvid_360x480') == find_model('')


@pytest.mark.parametrize('find', [find_model, find_labels])
def test_a_name_that_is_not_found_was_looked_for_in_two_places(find, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigError, ModelError)) as caught:
        find('nothing')
    looked = str(caught.value).partition('looked in ')[2].partition('. Give')[0]
    here, packaged = looked.split(' and ')
    assert here == str(tmp_path)
    assert Path(packaged).is_dir()


def test_error_names_where_was_looked():
    with pytest.raises(ModelError, match=r'/nowhere/model\.onnx'):
        find_model('/nowhere/model.onnx')
    with pytest.raises(ConfigError, match='camvid, cityscapes'):
        find_labels('nothing')


def test_default_model_is_shipped():
    assert find_model('').parent == Path(__file__).resolve().parents[3] / 'models'


@pytest.mark.parametrize('find', [find_model, find_labels, find_topic_names])
@pytest.mark.parametrize(
    'text',
    [
        'a' * 5000,
        'x' * 1_000_000,
        '/' + 'd/' * 3000,
        '~nobody_here/x',
        'null\0',
        '\ud800',
        '\x1b[2J',
    ],
    ids=['long', 'very_long', 'deep', 'home', 'null', 'half', 'escape'],
)
def test_names_that_no_file_can_have_are_refused_in_a_sentence(find, text):
    with pytest.raises((ConfigError, ModelError), match='there is no') as caught:
        find(text)
    assert len(str(caught.value)) < 2000
    assert str(caught.value).isprintable()


def test_the_licence_of_the_packaged_model_is_found():
    assert 'non-commercial' in model_licence(find_model(''))


@pytest.mark.parametrize(
    ('manifest', 'licence'),
    [
        ('models:\n- {file: other.onnx, licence: A}\n- {file: mine.onnx, licence: B}\n', 'B'),
        ('models:\n- {file: other.onnx, licence: A}\n', ''),
        ('models:\n- {file: mine.onnx}\n- 3\n', ''),
        ('models: 3\n', ''),
        ('[', ''),
        ('', ''),
        (None, ''),
    ],
)
def test_a_manifest_says_what_the_licence_is(manifest, licence, tmp_path):
    if manifest is not None:
        (tmp_path / 'manifest.yaml').write_text(manifest)
    assert model_licence(tmp_path / 'mine.onnx') == licence
