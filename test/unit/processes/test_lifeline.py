# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Children end with their parent, though it is killed; a test session leaves none behind."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import textwrap
import time

from process_state import is_running
import pytest

PATIENCE_S = 30.0
REPOSITORY = Path(__file__).resolve().parents[3]
HELPERS = REPOSITORY / 'test' / 'helpers' / 'processes'

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), sys.argv, __name__, flush=True)
time.sleep(600)
"""
# The thread that starts a child ends long before its process does.
STARTER = """
import os, sys, threading, time
from rtformer_ros.processes.lifeline import start_on_lifeline
kept = []
def start():
    kept.append(start_on_lifeline('stubborn', ['--one', 'two'], os.environ, sys.stdout.buffer))
thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(600)
"""
POOL = """
import multiprocessing, os, time
from rtformer_ros.processes.lifeline import end_with_parent

def work(_):
    end_with_parent()
    # In one piece: the lines of two workers would mix.
    os.write(1, b'%d\\n' % os.getpid())
    time.sleep(600)

if __name__ == '__main__':
    with multiprocessing.get_context('{method}').Pool(2) as pool:
        pool.map(work, range(2))
"""


@pytest.fixture
def environment(tmp_path):
    (tmp_path / 'stubborn.py').write_text(STUBBORN)
    return {**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{REPOSITORY}'}


def wait_for_end(process_id):
    give_up_s = time.monotonic() + PATIENCE_S
    while is_running(process_id):
        assert time.monotonic() < give_up_s, f'{process_id} outlives its parent'
        time.sleep(0.05)


def test_a_module_runs_as_with_python_m_and_ends_with_a_killed_parent(environment):
    command = [sys.executable, '-c', STARTER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        number, said = parent.stdout.readline().split(maxsplit=1)
        assert is_running(number)
        time.sleep(0.5)
        assert is_running(number), 'it ended with the thread that started it'
        parent.kill()
        wait_for_end(number)
    assert '--one' in said
    assert said.endswith("'two'] __main__\n")


@pytest.mark.parametrize('method', ['spawn', 'fork'])
def test_workers_of_a_pool_end_with_a_killed_parent(environment, tmp_path, method):
    (tmp_path / 'pool.py').write_text(POOL.format(method=method))
    command = [sys.executable, str(tmp_path / 'pool.py')]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        workers = [parent.stdout.readline().strip() for _ in range(2)]
        assert all(map(is_running, workers))
        parent.kill()
        for worker in workers:
            wait_for_end(worker)


# --- the tests' own


LEAVES_ONE = """
import subprocess

def test_leaves_a_process():
    child = subprocess.Popen(['sleep', '600'], start_new_session=True)
    open('child', 'w').write(str(child.pid))
    {then}
"""


def start_session(folder, then):
    (folder / 'test_leaves.py').write_text(LEAVES_ONE.format(then=textwrap.dedent(then)))
    (folder / 'pytest.ini').write_text('[pytest]')
    return subprocess.Popen(
        [sys.executable, '-m', 'pytest', '-p', 'session_processes', str(folder)],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(HELPERS), 'RTFORMER_TEST_PATIENCE_S': '0.5'},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_a_test_leaves_fails_the_session_and_is_named(tmp_path):
    with start_session(tmp_path, 'assert True') as session:
        output, _ = session.communicate(timeout=60)
    child = (tmp_path / 'child').read_text()
    assert session.returncode == pytest.ExitCode.TESTS_FAILED
    assert '1 passed' in output
    assert f'a process was left running: {child} (sleep 600), started in' in output
    assert 'test_leaves.py::test_leaves_a_process' in output
    assert not is_running(child)


def test_what_a_killed_session_started_ends(tmp_path):
    with start_session(tmp_path, 'child.wait()') as session:
        record = tmp_path / 'child'
        give_up_s = time.monotonic() + PATIENCE_S
        while not (record.exists() and record.read_text()):
            assert time.monotonic() < give_up_s
            time.sleep(0.05)
        session.send_signal(signal.SIGKILL)
        wait_for_end(record.read_text())
