# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""When `engine: auto` takes OpenVINO, and what it is asked for, on CPUs of every kind."""

import os
from pathlib import Path
import re
import subprocess
import sys

from foreign_onnx import ForeignModel
import pytest
from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.openvino.engine import settings_for
from rtformer_ros.engines.openvino.preference import reason_against
from rtformer_ros.errors import ConfigError

WITH_BF16 = {'avx2', 'avx512f', 'avx512_bf16', 'avx512_vnni'}
WITH_AMX = {'avx2', 'avx512f', 'amx_bf16', 'amx_int8'}
WITH_VNNI = {'avx2', 'avx512f', 'avx512_vnni'}
OLD = {'avx2', 'fma'}
# An ARM core computes in bf16, too, but OpenVINO does not ask it to.
ARM = {'asimd', 'asimddp', 'bf16'}
GPU = 'Orin (compute capability 8.7, 16 multiprocessors)'


@pytest.fixture
def ask(tmp_path):
    model = ForeignModel().write(tmp_path / 'm.onnx', None)
    return lambda **more: EngineRequest(model, **more)


@pytest.mark.parametrize('flags', [WITH_BF16, WITH_AMX])
@pytest.mark.parametrize('precision', ['auto', 'bf16', 'int8'])
def test_a_cpu_with_bf16_is_taken(ask, flags, precision):
    for device in ('auto', 'cpu'):
        assert reason_against(ask(device=device, precision=precision), flags, '') == ''


@pytest.mark.parametrize('flags', [WITH_VNNI, OLD, ARM, set()])
@pytest.mark.parametrize('precision', ['auto', 'bf16', 'int8'])
def test_a_cpu_without_bf16_is_left_to_onnx_runtime(ask, flags, precision):
    for device in ('auto', 'cpu'):
        reason = reason_against(ask(device=device, precision=precision), flags, '')
        assert 'ahead in bf16 alone, which this CPU lacks' in reason


def test_the_reason_names_what_the_cpu_has(ask):
    assert reason_against(ask(), WITH_VNNI, '').endswith('(avx2, avx512_vnni, avx512f)')
    assert reason_against(ask(), set(), '').endswith('(unknown features)')


@pytest.mark.parametrize('precision', ['fp32', 'fp16'])
def test_single_and_half_precision_are_left_to_others(ask, precision):
    reason = reason_against(ask(precision=precision), WITH_BF16, '')
    assert reason.startswith(f'precision is {precision}, ')


def test_a_gpu_of_another_maker_goes_first_unless_the_cpu_is_asked_for(ask):
    assert GPU in reason_against(ask(), WITH_BF16, GPU)
    assert reason_against(ask(device='cpu'), WITH_BF16, GPU) == ''


@pytest.mark.parametrize('device', ['gpu', 'gpu:1', 'npu'])
def test_a_device_of_intel_is_nobody_elses(ask, device):
    assert reason_against(ask(device=device), OLD, GPU) == ''


@pytest.mark.parametrize(
    ('precision', 'flags', 'hint'),
    [
        ('auto', WITH_BF16, 'bf16'),
        ('auto', WITH_AMX, 'bf16'),
        ('auto', WITH_VNNI, 'f32'),
        ('auto', ARM, 'f32'),
        ('fp32', WITH_BF16, 'f32'),
        ('bf16', WITH_BF16, 'bf16'),
    ],
)
def test_a_cpu_computes_in_bf16_where_it_can_or_as_asked(ask, precision, flags, hint):
    settings = settings_for(ask(precision=precision, threads=3), 'cpu', flags)
    assert settings == {
        'PERFORMANCE_HINT': 'LATENCY',
        'NUM_STREAMS': 1,
        'INFERENCE_NUM_THREADS': 3,
        'ENABLE_CPU_PINNING': 'NO',
        'INFERENCE_PRECISION_HINT': hint,
    }


@pytest.mark.parametrize(
    ('precision', 'hint'), [('auto', {}), ('fp32', {'f32'}), ('fp16', {'f16'})]
)
def test_a_gpu_computes_in_its_own_precision_unless_asked(ask, precision, hint):
    settings = settings_for(ask(precision=precision), 'gpu', OLD)
    assert set(settings) - {'INFERENCE_PRECISION_HINT'} == {'PERFORMANCE_HINT'}
    assert {settings[key] for key in settings if key != 'PERFORMANCE_HINT'} == set(hint)


@pytest.mark.parametrize(
    ('precision', 'device', 'flags'),
    [('bf16', 'cpu', WITH_VNNI), ('fp16', 'cpu', WITH_BF16), ('bf16', 'npu', WITH_BF16)],
)
def test_a_precision_that_a_device_lacks_is_refused(ask, precision, device, flags):
    message = rf'precision is {precision}, in which OpenVINO does not compute on {device} here'
    with pytest.raises(ConfigError, match=re.escape(message)):
        settings_for(ask(precision=precision), device, flags)


PROGRAM = """
import sys
from pathlib import Path
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.reduced_precision.cpu_features import computes_bf16, cpu_flags
open_engine(EngineRequest(Path(sys.argv[1]), device='cpu', threads=1)).close()
print(computes_bf16(cpu_flags()), 'openvino' in sys.modules)
"""


def test_auto_loads_the_library_only_where_it_may_take_it():
    """It takes half a second to import, which every start would wait for."""
    model = Path(__file__).parents[4] / 'models' / 'rtformer_slim_camvid_360x480.onnx'
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, model],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    may_take_it, was_loaded = done.stdout.split()
    assert may_take_it == was_loaded
