# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What ends a tool is one line and an exit code, never a traceback."""

import os
from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
import pytest
from rtformer_ros.tools.command_line import run_tool
import torch

REPOSITORY = Path(__file__).resolve().parents[4]
INTERRUPTED_TRAIN = """
import os, signal
from rtformer_ros.tools.train import __main__ as train
train._train = lambda options: os.kill(os.getpid(), signal.SIGINT)
raise SystemExit(train.main(['--output', 'run']))
"""


@pytest.mark.parametrize(
    'allocate',
    [
        lambda: np.zeros(1 << 58, np.uint8),
        lambda: torch.zeros(1 << 58),
        lambda: cv2.resize(np.zeros((9, 9), np.uint8), (900_000, 900_000)),
    ],
)
def test_too_little_memory_is_one_line(allocate, capsys):
    assert run_tool('tool', lambda: len(allocate())) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('tool: there is not enough memory (')
    assert line.endswith('); choose smaller images, crops or batches')


def test_other_faults_are_not_hidden():
    def fail():
        raise RuntimeError('shapes differ')

    with pytest.raises(RuntimeError, match='shapes differ'):
        run_tool('tool', fail)


def test_an_interruption_is_one_line():
    done = subprocess.run(
        [sys.executable, '-c', INTERRUPTED_TRAIN],
        capture_output=True, text=True, check=False,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, 'train: interrupted\n')
