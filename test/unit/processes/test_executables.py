# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Executables end quietly, however early they are told to."""

import os
from pathlib import Path
import signal
import subprocess
import sys

import pytest
from rtformer_ros.processes.executables import PROGRAMS, TOOLS

REPOSITORY = Path(__file__).resolve().parents[3]
MODULE = 'rtformer_ros.processes.executables'
# What console scripts do: the name is theirs. The import of the executable's own module waits, so
# that the signal comes neither before nor after it, however busy this machine is.
SCRIPT = f"""
import sys, time
from {MODULE} import main, PROGRAMS, TOOLS
class Wait:
    def find_spec(self, name, path, target=None):
        if name in [*PROGRAMS.values(), *TOOLS.values()]:
            print('importing', flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Wait())
sys.exit(main())
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
@pytest.mark.parametrize('name', [*PROGRAMS, *TOOLS])
def test_signal_during_the_imports_ends_it_quietly(name, number, tmp_path):
    script = tmp_path / name
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, '--help'],
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == b'importing\n'
    process.send_signal(number)
    out, error = process.communicate(timeout=30)
    assert process.returncode == (0 if name in PROGRAMS else 130)
    assert (out, error) == (b'', b'')


def test_ends_quietly_in_the_middle_of_a_tool(tmp_path):
    (tmp_path / 'slow_tool.py').write_text(
        'import time\ndef main():\n    print("at work", flush=True)\n    time.sleep(60)\n'
    )
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r}); import {MODULE} as executables; '
        'executables.TOOLS["slow"] = "slow_tool"; sys.argv = ["slow"]; '
        'sys.exit(executables.main())'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b'at work\n'
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr.read() == b'interrupted\n'


def test_unknown_name_is_told_with_the_known_ones():
    done = subprocess.run(
        [sys.executable, '-m', MODULE, 'segment'],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "got 'segment'" in done.stderr
    assert 'segmentation_node' in done.stderr
