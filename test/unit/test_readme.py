"""The README tells of everything that users can set and hear."""

import re
from pathlib import Path

import pytest

from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.interface.topics import output_topics

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text()


@pytest.mark.parametrize('name', SPECS)
def test_every_parameter_is_told(name):
    assert f'`{name}`' in README


@pytest.mark.parametrize('topic', output_topics())
def test_every_topic_is_told(topic):
    assert f'`~/{topic}`' in README


def test_files_that_are_named_exist():
    named = re.findall(r'(?:\]\(|`)((?:docs|config|samples|models|test)/[\w./-]*)', README)
    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_first_two_commands_are_demo_and_test():
    block = re.search(r'```sh\n(.*?)```', README, re.DOTALL)
    assert block is not None
    assert block[1].split('\n')[:2] == ['make demo', 'make test']
