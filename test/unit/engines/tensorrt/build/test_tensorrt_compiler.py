# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A compiler that does not keep to the rules: only a plan that is whole is taken from it."""

import os
import signal
import sys
import textwrap

from compiler_calls import compile_with, own_compiler
import pytest
from rtformer_ros.engines.tensorrt.build.parent import COMPILER
from rtformer_ros.errors import EngineBuildError, EngineError, EngineUnavailable

RESULT = """
plan = b'plan'
os.write(job['plan_fd'], plan)
digest = hashlib.sha256(plan).hexdigest()
result = dict(
    plan_sha256=digest, plan_bytes=4, precision='fp16', is_typed=False, agreement=1.0,
    properties={}, is_self_described=True,
)
"""


def test_a_plan_comes_through_whole(bench):
    compiled = compile_with(bench, own_compiler(RESULT + "print(json.dumps({'result': result}))"))
    assert compiled.plan == b'plan'


@pytest.mark.parametrize(
    ('code', 'message'),
    [
        ("result['plan_sha256'] = '0' * 64\nprint(json.dumps({'result': result}))", 'announced'),
        ("os.ftruncate(job['plan_fd'], 2)\nprint(json.dumps({'result': result}))", 'announced'),
        ("print('[1]\\nnothing\\n{')", 'exit code 0'),
        ("sys.exit('that was all')", r'(?s)exit code 1.*that was all'),
        ("print(json.dumps({'error': 'NoSuchError', 'message': 'odd'}))", 'odd'),
    ],
    ids=['other hash', 'half a plan', 'no answer', 'exit', 'unknown error'],
)
def test_a_lie_is_no_plan(bench, code, message):
    with pytest.raises(EngineBuildError, match=message):
        compile_with(bench, own_compiler(RESULT + code))


def test_what_the_compiler_leaves_running_is_not_waited_for(bench):
    code = f"""
    import subprocess
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    open({str(bench.folder / 'child')!r}, 'w').write(str(child.pid))
    print(json.dumps({{'result': result}}))
    """
    compiled = compile_with(bench, own_compiler(RESULT + textwrap.dedent(code)))
    assert compiled.plan == b'plan'
    os.kill(int((bench.folder / 'child').read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    'end', ['time.sleep(600)', 'os.kill(os.getpid(), 11)'], ids=['hangs', 'dies']
)
def test_a_compiler_that_fails_when_all_is_done_has_done_its_work(bench, end):
    code = f"print(json.dumps({{'result': result}}), flush=True)\n{end}"
    assert compile_with(bench, own_compiler(RESULT + code)).plan == b'plan'


def test_a_compiler_that_does_not_listen_is_a_crash(bench):
    with pytest.raises(EngineBuildError, match='exit code 3'):
        compile_with(bench, [sys.executable, '-S', '-c', 'import os; os.close(0); os._exit(3)'])


def test_the_compiler_finds_our_modules_and_none_of_the_current_folder(bench, monkeypatch):
    monkeypatch.chdir(bench.folder)
    (bench.folder / 'hashlib.py').write_text('raise SystemExit("the wrong module")')
    code = "import rtformer_ros\nprint(json.dumps({'result': result}))"
    assert compile_with(bench, own_compiler(RESULT + code)).plan == b'plan'


def test_a_compiler_that_cannot_be_started_is_told(bench):
    with pytest.raises(EngineError, match='no_such_compiler'):
        compile_with(bench, ['/no_such_compiler'])


def test_the_real_compiler_says_that_tensorrt_is_missing(bench):
    try:
        import tensorrt
    except ImportError:
        pass
    else:
        pytest.skip(f'TensorRT {tensorrt.__version__} is installed here')
    with pytest.raises(EngineUnavailable, match='TensorRT is not installed'):
        compile_with(bench, COMPILER)
