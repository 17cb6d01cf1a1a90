# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON become the plain data that other readers make of them; errors name the line."""

import json
from pathlib import Path
import re

from hypothesis import given
from hypothesis import strategies as st
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.plain_data import MOST_DEPTH, MOST_VALUES
from rtformer_ros.files.yaml_file import parse_yaml, read_yaml
import yaml

ROOT = Path(__file__).resolve().parents[3]
PACKAGED = sorted([*ROOT.glob('config/**/*.yaml'), *ROOT.glob('models/*.yaml')])
# Parsing elsewhere is of what this package itself wrote.
PARSERS = {
    'files/json_text.py',
    'files/yaml_file.py',
    'engines/tensorrt/build/job.py',
    'engines/tensorrt/build/parent.py',
    'ros/programs/parameter_files.py',
    'tools/demo/__main__.py',
    # Of annotation programs: a user's own export, hundreds of times as large as the others may be.
    'training/annotations/annotated_image.py',
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=['C'])),
    lambda children: st.lists(children) | st.dictionaries(st.text('abcß', min_size=1), children),
)  # fmt: skip


@pytest.fixture(params=['CSafeLoader', 'SafeLoader'])
def loader(request, monkeypatch):
    """Also where PyYAML was built without libyaml."""
    if request.param == 'SafeLoader':
        monkeypatch.delattr(yaml, 'CSafeLoader')


def test_packaged_files_are_found():
    assert len(PACKAGED) > 10


@pytest.mark.parametrize('path', PACKAGED, ids=lambda path: path.name)
def test_packaged_files_are_read_as_by_another_reader(path, loader):
    assert read_yaml(path, 'file') == yaml.safe_load(path.read_text())


@given(PLAIN)
def test_plain_data_survives(data):
    assert parse_yaml(yaml.safe_dump(data, allow_unicode=True), 'here') == data
    assert parse_json(json.dumps(data), 'here') == data


@pytest.mark.parametrize(
    ('text', 'data'),
    [
        ('', None),
        ('# nothing', None),
        ('day: 2026-11-26', {'day': '2026-11-26'}),
        ('day: 9999-99-99', {'day': '9999-99-99'}),
        ('- "<<"\n- =', ['<<', '=']),
        ('a: !!str 3', {'a': '3'}),
        ('[yes, 0x10, 010, 1_000, 1:30, .5, ~]', [True, 16, 8, 1000, 90, 0.5, None]),
        ('\ufeffa: b', {'a': 'b'}),
    ],
)
def test_what_text_means(text, data, loader):
    assert parse_yaml(text, 'here') == data


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a: 1\nb: ]', r'here: it is no YAML \(line 2: .+\)'),
        ('a: 1\nb: \x00', r'here: it is no YAML \(line 2: a control character\)'),
        ('a: 1\n\n3: 4', r'here: a key is no text; put it in quotes \(line 3\)'),
        ('a: 1\na: 2', r'here: a key is there twice \(line 2\)'),
        ('a: &b 1', r'here: anchors and aliases \(& and \*\) are not taken \(line 1\)'),
        ('a: !b 1', r'here: tags \(!\.\.\.\) are not taken \(line 1\)'),
        ('a: !!int x', r'here: a value is no int \(line 1\)'),
        ('[' * (MOST_DEPTH + 1), r'more than 32 collections within each other \(line 1\)'),
        ('- a\n' * (MOST_VALUES + 1), rf'more than 50000 values \(line {MOST_VALUES}\)'),
    ],
)
def test_errors_name_the_line(text, message, loader):
    with pytest.raises(ConfigError, match=message):
        parse_yaml(text, 'here')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"a": 1,\n]', r'here is no JSON \(line 2: Expecting property name'),
        ('{"a": 1, "a": 2}', 'here: an object has the same key twice'),
        (f'[{"1" * 65}]', 'here: a number has 65 characters'),
    ],
)
def test_json_errors_name_the_line(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_json(text, 'here')


def test_no_other_module_parses_yaml_or_json():
    pattern = re.compile(r'\bjson\.loads?\(|\byaml\.(\w+_)?(load|parse|scan|compose)\w*\(')
    package = ROOT / 'rtformer_ros'
    found = {
        str(path.relative_to(package))
        for path in package.rglob('*.py')
        if pattern.search(path.read_text())
    }
    assert found == PARSERS
