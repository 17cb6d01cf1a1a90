# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One process at a time holds a lock; who comes later waits or is refused."""

import subprocess
import sys

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.file_lock import take_lock, wait_for_lock

HOLDER = """
import fcntl, sys
file = open(sys.argv[1], 'a')
fcntl.flock(file, fcntl.LOCK_EX)
print('held', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'some.lock'


@pytest.fixture
def holder(path):
    """Another process that holds the lock until its standard input ends."""
    command = [sys.executable, '-c', HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == 'held\n'
        yield process
        process.kill()


def test_a_lock_that_is_held_is_refused_at_once(path, holder):
    with pytest.raises(ConfigError, match=r'^come later$'), take_lock(path, 'come later'):
        pytest.fail('it was granted')
    holder.communicate()
    with take_lock(path, 'come later'):
        pass


def test_a_folder_is_locked_too(tmp_path):
    with (
        take_lock(tmp_path, 'no'),
        pytest.raises(ConfigError, match=r'^another works here$'),
        take_lock(tmp_path, 'another works here'),
    ):
        pytest.fail('it was granted')


def test_waiting_ends_when_the_holder_does(path, holder):
    waits = []

    def on_wait():
        waits.append(holder.poll())
        holder.kill()

    with wait_for_lock(path, on_wait):
        assert waits[0] is None
        with pytest.raises(ConfigError), take_lock(path, 'held here now'):
            pytest.fail('it was granted')
    assert path.exists()


def test_what_on_wait_raises_ends_the_waiting(path, holder):
    def on_wait():
        raise TimeoutError

    with pytest.raises(TimeoutError), wait_for_lock(path, on_wait):
        pytest.fail('it was granted')


def test_where_no_lock_file_can_be_made_work_is_done_all_the_same(tmp_path):
    with wait_for_lock(tmp_path / 'no folder' / 'lock', pytest.fail):
        done = True
    assert done
    with pytest.raises(OSError, match='No such file'), take_lock(tmp_path / 'no' / 'lock', ''):
        pytest.fail('it was granted')
