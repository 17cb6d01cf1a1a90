# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Executables end quietly, however early they are told to."""

import os
from pathlib import Path
import re
import signal
import subprocess
import sys

import pytest
from rtformer_ros.processes.executables import PROGRAMS, TOOLS

REPOSITORY = Path(__file__).resolve().parents[3]
# What console scripts do: the name is theirs.
SCRIPT = 'import sys; from rtformer_ros.processes.executables import main; sys.exit(main())'
MODULE = 'rtformer_ros.processes.executables'


def start(name, folder):
    script = folder / name
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, '-X', 'importtime', script, '--help'],
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'PYTHONUNBUFFERED': '1'},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def imported(line):
    """Return the module of a line that `-X importtime` writes after each import."""
    found = re.match(rb'import time:.*\| +(\S+)$', line)
    return found[1].decode() if found else ''


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
@pytest.mark.parametrize('name', [*PROGRAMS, *TOOLS])
def test_signal_during_the_imports_ends_it_quietly(name, number, tmp_path):
    process = start(name, tmp_path)
    lines = iter(process.stderr.readline, b'')
    for line in lines:
        if imported(line) == MODULE:
            break
    # The next import is the executable's own, the first of a hundred and more.
    next(lines)
    process.send_signal(number)
    rest = [line for line in lines if not imported(line)]
    assert process.wait(30) == (0 if name in PROGRAMS else 130)
    assert rest == []
    assert process.stdout.read() == b''


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
