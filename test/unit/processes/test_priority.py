# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A process that steps back does so for its whole session, and not for ours."""

import os
from pathlib import Path
import subprocess
import sys

PROGRAM = """
import os
from pathlib import Path
from rtformer_ros.processes.priority import step_back
step_back()
group = Path('/proc/self/autogroup')
print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text() if group.exists() else 'nice 5')
"""


def test_it_steps_back_behind_its_parent():
    own = Path('/proc/self/autogroup')
    before = own.read_text() if own.exists() else ''
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    niceness, group = done.stdout.split(maxsplit=1)
    assert int(niceness) == min(os.getpriority(os.PRIO_PROCESS, 0) + 5, 19)
    assert group.strip().endswith('nice 5')
    assert (own.read_text() if own.exists() else '') == before
