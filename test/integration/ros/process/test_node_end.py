# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A node that another program makes and destroys leaves nothing behind, whatever it was doing."""

import json
import os
from pathlib import Path
import sys

from closed_form_models import brightest_channel
from compiling_model import Model

PROGRAM = Path(__file__).with_name('destroyed_node.py')


def test_what_a_destroyed_node_had_begun_ends_with_it(tmp_path, start_child):
    ready = Model(brightest_channel(tmp_path / 'ready.onnx'))
    ready.decide('done')
    building = Model(brightest_channel(tmp_path / 'building.onnx'))
    states = [f'{building.path}=unconfigured', f'{ready.path}=active', f'{ready.path}=active']
    variables = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    child = start_child([sys.executable, PROGRAM, *states], variables)
    assert child.process.wait(120) == 0
    assert not building.is_compiling
    assert 'Traceback' not in child.output
    assert json.loads(child.output.splitlines()[-1]) == [[], 0]
