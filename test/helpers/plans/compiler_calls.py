# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Calls of the compile process, with compilers made for a test."""

import sys
import textwrap

from rtformer_ros.engines import BuildWatch
from rtformer_ros.engines.tensorrt.build.job import CompileJob
from rtformer_ros.engines.tensorrt.build.parent import compile_in_child


def own_compiler(code):
    """Return the command of a compiler that does just that, with the job in `job`."""
    start = 'import hashlib, json, os, sys, time\njob = json.loads(sys.stdin.readline())\n'
    return [sys.executable, '-c', start + textwrap.dedent(code)]


def compile_with(bench, command, watch=None):
    job = CompileJob(str(bench.model), 'fp16', 1024, 3, 1)
    return compile_in_child(job, b'', watch or BuildWatch(), command=command)
