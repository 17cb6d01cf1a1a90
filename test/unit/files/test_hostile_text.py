# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""No text file that a user or a peer names freezes a process, fills it or shows in its errors."""

import json

from hostile_text import JSON, odd_files, SECRET, write_texts, YAML
from limited_process import run_limited
import pytest
from read_hostile_text import READERS

MOST_CHARACTERS = 600
YAML_READERS = ('labels', 'sidecar', 'recipe', 'topic_names')
JSON_READERS = ('properties', 'header')


def messages_of(reader, paths):
    arguments = [str(path).replace('\0', '\\0') for path in paths]
    return json.loads(run_limited('read_hostile_text', reader, *arguments))


def test_every_reader_is_tried():
    assert set(READERS) == {*YAML_READERS, *JSON_READERS, 'plan_sidecar'}


@pytest.mark.parametrize('reader', YAML_READERS)
def test_yaml_is_refused_in_a_sentence(tmp_path, reader):
    paths = write_texts(tmp_path, YAML)
    messages = messages_of(reader, paths)
    assert len(messages) == len(paths)
    for path, message in messages.items():
        assert message, f'{path} was taken'
        assert path in message
        assert len(message) - len(path) < MOST_CHARACTERS
        assert SECRET not in message
        assert message.isprintable()


@pytest.mark.parametrize('reader', [*YAML_READERS, 'plan_sidecar'])
def test_paths_of_anything_but_a_text_file_are_refused(tmp_path, reader):
    paths = odd_files(tmp_path)
    if reader == 'plan_sidecar':
        # A sidecar that is missing is none.
        paths = [p.rename(p.with_suffix('.json')) for p in paths[:3]]
    for path, message in messages_of(reader, paths).items():
        assert message, f'{path} was taken'
        assert len(message) < MOST_CHARACTERS + len(str(tmp_path))


@pytest.mark.parametrize('reader', [*JSON_READERS, 'plan_sidecar'])
def test_json_is_refused_in_a_sentence(tmp_path, reader):
    paths = write_texts(tmp_path, JSON)
    if reader == 'plan_sidecar':
        paths = [path.rename(path.with_suffix('.json')) for path in paths]
    messages = messages_of(reader, paths)
    assert len(messages) == len(paths)
    for path, message in messages.items():
        assert message, f'{path} was taken'
        assert len(message) < MOST_CHARACTERS + len(path)
        assert SECRET not in message
        assert message.isprintable()
