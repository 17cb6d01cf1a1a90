# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run code in a process of its own that the kernel ends when it takes too much."""

from __future__ import annotations

import os
from pathlib import Path
import resource
import subprocess
import sys

HELPERS = Path(__file__).parent
REPOSITORY = HELPERS.parents[2]
_TIMEOUT_S = 120


def limit_memory(mib: float) -> None:
    """Let this process map `mib` MiB more than it has now; then its allocations fail."""
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    most = pages * resource.getpagesize() + int(mib * (1 << 20))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def limit_cpu(seconds: int) -> None:
    """Let the kernel kill this process after so many more seconds on a core."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    most = int(usage.ru_utime + usage.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))


def run_limited(module: str, *arguments: str | Path) -> str:
    """Run a module of this folder, which sets its limits itself; return what it prints."""
    paths = [str(REPOSITORY), str(HELPERS), os.environ.get('PYTHONPATH', '')]
    done = subprocess.run(
        [sys.executable, '-m', module, *map(str, arguments)],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f'exit code {done.returncode}\n{done.stdout}\n{done.stderr}'
    return done.stdout
