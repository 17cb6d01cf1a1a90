# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameter file and documentation say what the node declares."""

from pathlib import Path
import re

import pytest
import yaml

pytest.importorskip('rclpy', reason='ROS 2 is not installed')

from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.programs import parameter_files

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / 'docs' / 'parameters.md').read_text()
# What the texts must survive: quotes, a bar, two limits, a unit, nothing at all.
GROUP = ParameterGroup(
    'Things',
    '',
    (
        ParameterSpec('a_s', 0.5, "Seconds | of 'this, that'; '' is ~/none", -1, 2.5, unit='s'),
        ParameterSpec('text', '', 'A text', details='More of it.', read_only=True),
        ParameterSpec('number', '640', 'No number', choices=('640', 'none')),
        ParameterSpec('texts', ('one', "it's"), 'Texts'),
        ParameterSpec('numbers', (0.5, 1.0), 'Numbers', items=float),
        ParameterSpec('switch', False, 'A switch'),
        ParameterSpec('count', 3, 'Of things, 1 to 5', 1, 5),
    ),
    'A note on qos.* and more.',
    page='planners.md#scan',
)


@pytest.mark.parametrize('path', parameter_files.files(), ids=str)
def test_file_is_as_make_parameters_writes_it(path):
    assert (ROOT / path).read_text() == parameter_files.files()[path], 'run `make parameters`'


def test_page_has_each_parameter_once_with_its_default():
    rows = re.findall(r'^\| `([\w.]+)` \| `(.*?)` \|', PAGE, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(SPECS)
    for name, default in rows:
        assert yaml.safe_load(default) == SPECS[name].ros_default


def test_page_starts_with_a_command():
    assert PAGE.split('\n')[2:4] == [
        '```sh',
        'ros2 param set /segmentation_node overlay_alpha 0.7',
    ]


def test_values_of_every_type_are_read_back_from_the_file():
    text = parameter_files.parameter_file([GROUP])
    values = yaml.safe_load(text)['/**']['ros__parameters']
    assert values == {spec.name: spec.ros_default for spec in GROUP.specs}
    assert [type(value) for value in values.values()] == [float, str, str, list, list, bool, int]


def test_file_says_what_is_allowed_where_the_description_does_not():
    text = ' '.join(parameter_files.parameter_file([GROUP]).replace('#', '').split())
    assert "Seconds | of 'this, that'; '' is ~/none [-1 to 2.5 s]" in text
    assert 'No number [640, none]' in text
    assert 'Of things, 1 to 5 ' not in text
    assert text.endswith('Of things, 1 to 5')
    assert 'Things. A note on qos.* and more' in text


def test_lines_of_the_file_fit_a_screen():
    text = parameter_files.files()[Path('config/seg.yaml')]
    assert [line for line in text.splitlines() if len(line) > 100] == []


def test_table_marks_what_a_user_types_and_breaks_on_nothing():
    page = parameter_files.parameter_page([GROUP])
    table = [line for line in page.split('\n') if line.startswith('|')]
    assert table[2:] == [
        r"| `a_s` | `0.5` | -1 to 2.5 s | Seconds \| of `this, that`; `''` is `~/none`. |",
        "| `text` | `''` | text | A text. More of it. It cannot change while the node runs. |",
        "| `number` | `'640'` | `640`, `none` | No number. |",
        """| `texts` | `['one', "it's"]` | list of texts | Texts. |""",
        '| `numbers` | `[0.5, 1.0]` | list of numbers | Numbers. |',
        '| `switch` | `false` | `true`, `false` | A switch. |',
        '| `count` | `3` | 1 to 5 | Of things, 1 to 5. |',
    ]
    assert (
        '## Things\n\nA note on `qos.*` and more. More: [planners.md](planners.md#scan).\n' in page
    )


def test_check_reports_a_file_that_differs_and_writing_mends_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(parameter_files, 'ROOT', tmp_path)
    for path in parameter_files.files():
        (tmp_path / path).parent.mkdir()
    assert parameter_files.main(['--check']) == 1
    assert 'config/seg.yaml differs' in capsys.readouterr().err
    assert parameter_files.main([]) == 0
    assert parameter_files.main(['--check']) == 0
    page = tmp_path / 'docs' / 'parameters.md'
    page.write_text(f'{page.read_text()}more\n')
    assert parameter_files.main(['--check']) == 1
    assert 'docs/parameters.md differs from the parameters; run `make' in capsys.readouterr().err
    assert page.read_text().endswith('more\n')
