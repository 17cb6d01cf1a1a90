# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""On a full disk every tool that writes says so in one line, and leaves no half file."""

import json
import os
from pathlib import Path
import resource
import subprocess
import sys

import cv2
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
MODELS = REPOSITORY / 'models'
MOST_BYTES = 4096
"""A file that may not grow further fails as one on a full disk does, by an OSError of write()."""

CONVERT = ['convert', MODELS / 'rtformer_slim_camvid.safetensors', 'out.safetensors']
EXPORT = [
    'export', MODELS / 'rtformer_slim_camvid.safetensors', 'out.onnx', '--height', '64',
    '--width', '64',
]  # fmt: skip
BUILD = [
    'build_engine', MODELS / 'rtformer_slim_camvid_360x480.onnx', '--onnx-only',
    '--precision', 'fp16', '--output', 'out.onnx',
]  # fmt: skip


def run(command, folder):
    module = f'rtformer_ros.tools.{command[0]}'
    return subprocess.run(
        [sys.executable, '-m', module, *map(str, command[1:])],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES)),
    )  # fmt: skip


@pytest.mark.parametrize('command', [CONVERT, EXPORT, BUILD], ids=lambda command: command[0])
def test_tool_says_so_in_one_line_and_leaves_nothing(command, tmp_path):
    done = run(command, tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'{command[0]}: ')
    assert 'File too large' in line
    assert [*tmp_path.iterdir()] == []


def test_evaluation_says_so_and_keeps_whole_files_alone(tmp_path):
    for part in ('images', 'labels'):
        (tmp_path / 'data' / 'val' / part).mkdir(parents=True)
    street = cv2.imread(str(REPOSITORY / 'samples' / 'leuven_a.jpg'))
    cv2.imwrite(str(tmp_path / 'data' / 'val' / 'images' / 'a.png'), street)
    cv2.imwrite(str(tmp_path / 'data' / 'val' / 'labels' / 'a.png'), np.zeros(street.shape[:2]))
    command = [
        'evaluate', '--model', MODELS / 'rtformer_slim_camvid_360x480.onnx', '--dataset', 'folder',
        '--root', tmp_path / 'data', '--labels', 'camvid', '--output', tmp_path / 'out',
    ]  # fmt: skip
    done = run(command, tmp_path)
    assert done.returncode == 1, done.stderr
    assert 'evaluate: cannot write' in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr
    for file in (tmp_path / 'out').rglob('*'):
        assert file.suffix in ('.json', '.csv', ''), file
        assert file.is_dir() or file.stat().st_size < MOST_BYTES
    json.loads((tmp_path / 'out' / 'results.json').read_text())
