# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Models by name: listed, fetched from a server on this machine, found by what uses them."""

from contextlib import closing
import hashlib
import io
import pickle
import zipfile

from http_files import FileServer
import oracle
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.files.known_models import known_models, models_list
from rtformer_ros.files.packaged_files import find_model, find_weights, share_directories
from rtformer_ros.network.weights.checkpoint import load_checkpoint
from rtformer_ros.tools.models.__main__ import main
import yaml

NAME, BACKBONE = 'rtformer_slim_cityscapes', 'rtformer_slim_imagenet'
HEADS = ('spp.', 'seghead.', 'seghead_extra.')


def pdparams(*, is_backbone=False):
    state = oracle.reference_weights('slim')
    return pickle.dumps(
        {k: v for k, v in state.items() if not (is_backbone and k.startswith(HEADS))}, protocol=4
    )


@pytest.fixture(scope='module')
def content():
    return pdparams()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    return tmp_path / 'rtformer_ros' / 'models'


def get(tmp_path, server, *arguments, name=NAME, ending='/model.pdparams', **changes):
    """Fetch a model of the packaged list, whose address is that of `server`."""
    data = yaml.safe_load(models_list(share_directories()).read_text())
    [row] = [row for row in data['models'] if row['name'] == name]
    row.update({'url': server.url.partition('?')[0] + ending, **changes})
    path = tmp_path / 'list.yaml'
    path.write_text(yaml.safe_dump({'models': [row]}))
    return main(['--list', str(path), 'get', name, *arguments])


def test_the_list_holds_the_authors_models_and_the_packaged_ones(home, capsys):
    models = known_models(models_list(share_directories()))
    assert len({model.name for model in models}) == len(models) >= 9
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith(NAME))
    assert '19 cityscapes' in row
    assert '76.31' in row
    assert 'Cityscapes' in row
    assert any(
        line.startswith('rtformer_slim_camvid_360x480 ') and 'packaged' in line for line in lines
    )
    [ours] = [line for line in lines if line.startswith('rtformer_slim_camvid ')]
    assert '84.94*' in ours
    assert [line for line in lines if line.startswith('*')] == [
        '* not published: CamVid val, plain; these images were trained on'
    ]
    assert not home.exists(), 'listing fetches nothing'


def test_every_packaged_model_of_the_list_is_there():
    packaged = [m for m in known_models(models_list(share_directories())) if m.file]
    assert {find_model(model.name).name for model in packaged} == {
        model.file.removeprefix('models/') for model in packaged
    }


def test_a_name_that_was_not_fetched_is_answered_by_the_command(home):
    for find in (find_model, find_weights):
        with pytest.raises(ModelError, match=f'ros2 run rtformer_ros models get {NAME}$'):
            find(NAME)
    with pytest.raises(ModelError, match='train --init'):
        find_model(BACKBONE)


def test_a_model_is_fetched_in_two_pieces_exported_and_found(home, tmp_path, content, capsys):
    with FileServer(content) as server:
        server.cuts = [len(content) // 2]
        assert get(tmp_path, server, '--height', '64', '--width', '128') == 0
        assert server.ranges == [None, f'bytes={len(content) // 2}-']
        said = capsys.readouterr()
        assert f'model:={NAME}' in said.out
        assert 'tried on a photograph: ' in said.err
        model = find_model(NAME)
        assert model == home / f'{NAME}_64x128.onnx' == find_model(f'{NAME}_64x128')
        assert load_checkpoint(find_weights(NAME)).labels.name == 'cityscapes'
        # Another size takes the file that is here, and is what the name stands for from then on.
        assert (
            get(tmp_path, server, '--height', '128', '--width', '64', '--precision', 'fp16') == 0
        )
        assert len(server.ranges) == 2
    assert find_model(NAME) == home / f'{NAME}_128x64_fp16.onnx'
    with closing(open_engine(EngineRequest(find_model(NAME), 'onnxruntime'))) as engine:
        assert engine.description.labels.name == 'cityscapes'
        assert (engine.description.height, engine.description.width) == (128, 64)


def test_packaged_weights_are_exported_at_another_size(home, capsys):
    bundled = 'rtformer_slim_camvid'
    assert main(['get', bundled, '--height', '64', '--width', '128']) == 0
    assert f'model:={bundled}_64x128' in capsys.readouterr().out
    model = find_model(f'{bundled}_64x128')
    assert model == home / f'{bundled}_64x128.onnx'
    with closing(open_engine(EngineRequest(model, 'onnxruntime'))) as engine:
        assert engine.description.labels.name == 'camvid'
        assert (engine.description.height, engine.description.width) == (64, 128)
    # The packaged names stand for what they stood for.
    assert find_model(bundled).suffix == '.safetensors'


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['rtformer_slim_camvid'], 'comes with the package; it is used by name'),
        (['rtformer_slim_camvid_360x480', '--height', '64'], 'made from weights'),
        (['rtformer_slim_camvid', '--height', '0'], '--height is 0; expected a number of pixels'),
        (['rtformer_slim_cityscapes', '--width', '-8'], '--width is -8; expected a number of pix'),
    ],
)
def test_packaged_models_that_cannot_be_made(home, arguments, reason, capsys):
    assert main(['get', *arguments]) == 1
    assert reason in capsys.readouterr().err


def test_a_fetched_model_must_lie_where_parameters_may_lead(home, tmp_path):
    home.mkdir(parents=True)
    (home / f'{NAME}_64x64.onnx').touch()
    assert find_model(f'{NAME}_64x64', [tmp_path]).parent == home
    for text, error in ((f'{NAME}_64x64', ModelError), (NAME, ConfigError)):
        with pytest.raises(error):
            find_model(text, [tmp_path / 'other'])


def test_another_file_than_the_first_time_is_refused(home, tmp_path, content, capsys):
    size = ('--height', '64', '--width', '64')
    with FileServer(content) as server:
        assert get(tmp_path, server, *size) == 0
        (home / f'{NAME}.source.pdparams').unlink()
        server.content = content[:-2] + b'!.'
        assert get(tmp_path, server, *size) == 1
        error = capsys.readouterr().err
        assert hashlib.sha256(content).hexdigest() in error
        assert f'delete {home / NAME}.fetched.json' in error
        assert find_model(NAME).is_file(), 'what was there works as before'
        (home / f'{NAME}.fetched.json').unlink()
        server.content = content
        assert get(tmp_path, server, *size) == 0


def test_a_digest_of_the_list_is_checked(home, tmp_path, content, capsys):
    with FileServer(content) as server:
        assert get(tmp_path, server, sha256='0' * 64) == 1
    assert 'expected ' + '0' * 64 in capsys.readouterr().err
    assert [path.suffix for path in home.iterdir()] == []


def test_a_backbone_comes_out_of_its_archive(home, tmp_path, capsys):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('some/folder/model.pdparams', pdparams(is_backbone=True))
        file.writestr('README.txt', 'text')
    with FileServer(archive.getvalue()) as server:
        assert get(tmp_path, server, name=BACKBONE, ending='/backbone.zip') == 0
    assert f'train --init {BACKBONE}' in capsys.readouterr().out
    assert find_weights(BACKBONE) == home / f'{BACKBONE}.safetensors'
    with pytest.raises(ModelError, match='train --init'):
        find_model(BACKBONE)


@pytest.mark.parametrize('names', [[], ['a.pdparams', 'b.pdparams']])
def test_an_archive_of_another_form_is_refused(names, home, tmp_path, capsys):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as file:
        for name in names:
            file.writestr(name, b'')
    with FileServer(archive.getvalue()) as server:
        assert get(tmp_path, server, name=BACKBONE, ending='/backbone.zip') == 1
    assert f'holds {len(names)} .pdparams files' in capsys.readouterr().err


def test_weights_of_another_kind_than_the_list_says_are_not_kept(home, tmp_path, content, capsys):
    with FileServer(content) as server:
        assert get(tmp_path, server, variant='base') == 1
    assert 'network of slim; the list says segmentation, base' in capsys.readouterr().err
    with pytest.raises(ModelError, match='models get'):
        find_weights(NAME)


@pytest.mark.parametrize(
    ('row', 'words'),
    [
        ({'name': '../up'}, 'expected letters'),
        ({'sorcery': 1}, 'is no model'),
        ({'file': 'models/x.onnx'}, 'either url or file'),
    ],
)
def test_a_list_that_cannot_be_is_refused(row, words, tmp_path, capsys):
    good = {'name': 'a', 'task': 'segmentation', 'variant': 'slim', 'licence': '', 'megabytes': 1}
    path = tmp_path / 'list.yaml'
    path.write_text(yaml.safe_dump({'models': [{**good, 'url': 'http://a/b', **row}]}))
    assert main(['--list', str(path)]) == 1
    assert words in capsys.readouterr().err
