# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A killed process leaves nothing for ever; a living one loses nothing."""

import os
from pathlib import Path
import subprocess
import sys
import threading

import pytest
from rtformer_ros.errors import ModelError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.temporary import temporary_file, temporary_folder

REPOSITORY = Path(__file__).resolve().parents[3]
HOLDER = """
import os, sys, time
from pathlib import Path
from rtformer_ros.files.temporary import temporary_file, temporary_folder
make = {'file': temporary_file, 'folder': temporary_folder}[sys.argv[1]]
with make(Path(sys.argv[2]), '.run.yaml.'):
    print('held', flush=True)
    sys.stdin.read()
"""
MAKERS = {'file': temporary_file, 'folder': temporary_folder}


@pytest.fixture(params=MAKERS)
def holder(request, tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-c', HOLDER, request.param, tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
    )  # fmt: skip
    assert process.stdout.readline() == b'held\n'
    yield request.param, process
    process.kill()
    process.wait()


def test_what_a_killed_process_left_is_removed_by_the_next(holder, tmp_path):
    kind, process = holder
    process.kill()
    process.wait()
    (left,) = tmp_path.iterdir()
    with MAKERS[kind](tmp_path, '.run.yaml.'):
        assert not left.exists()
    assert [*tmp_path.iterdir()] == []


def test_what_a_living_process_holds_stays(holder, tmp_path):
    (held,) = tmp_path.iterdir()
    write_atomically(tmp_path / 'run.yaml', b'other')
    assert held.exists()
    assert (tmp_path / 'run.yaml').read_bytes() == b'other'


def test_names_of_others_stay(tmp_path):
    for name in ('.run.yml.x', 'run.yaml', 'x.run.yaml.'):
        (tmp_path / name).write_text(name)
    write_atomically(tmp_path / 'run.yaml', b'new')
    assert {path.name for path in tmp_path.iterdir()} == {'.run.yml.x', 'run.yaml', 'x.run.yaml.'}


def test_many_writers_of_one_file_all_succeed(tmp_path):
    errors = []

    def write(number):
        try:
            for _ in range(100):
                write_atomically(tmp_path / 'file', bytes([number]) * 1000)
        except ModelError as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    assert len(set((tmp_path / 'file').read_bytes())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['file']
