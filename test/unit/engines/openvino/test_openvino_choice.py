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
from rtformer_ros.engines.openvino import preference
from rtformer_ros.engines.openvino.engine import settings_for
from rtformer_ros.engines.openvino.preference import Preference, preference_here, reason_against
from rtformer_ros.engines.openvino.trial_record import record_agreement, recorded_agreement
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


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Be on a machine without an NVIDIA GPU, with a cache of this test alone."""
    monkeypatch.setenv('ROS_HOME', str(tmp_path / 'home'))
    monkeypatch.setattr(preference, '_nvidia_gpu', lambda: '')

    def with_flags(flags):
        monkeypatch.setattr(preference, 'cpu_flags', lambda: flags)

    with_flags(WITH_BF16)
    return with_flags


@pytest.mark.usefixtures('here')
def test_a_model_is_untried_until_something_is_recorded_of_it(ask):
    request = ask()
    assert preference_here(request) == Preference(is_untried=True)
    record_agreement(request, 'bf16', 0.995)
    assert recorded_agreement(request, 'bf16') == 0.995
    assert preference_here(request) == Preference()
    record_agreement(request, 'bf16', 0.5)
    assert 'on 50.00% of the pixels' in preference_here(request).reason_against
    assert not preference_here(request).is_untried
    # Whoever asks for a precision or a device gets it, untried.
    assert preference_here(ask(precision='bf16')) == Preference()
    assert preference_here(ask(precision='int8')) == Preference()
    assert preference_here(ask(device='gpu')) == Preference()


@pytest.mark.usefixtures('here')
@pytest.mark.parametrize('change', ['model', 'description', 'size', 'precision', 'library'])
def test_a_record_is_of_one_model_one_size_one_precision_and_one_library(
    ask, tmp_path, monkeypatch, change
):
    request, hint = ask(), 'bf16'
    record_agreement(request, hint, 1.0)
    if change == 'model':
        request.model.write_bytes(request.model.read_bytes() + b' ')
    elif change == 'description':
        request.model.with_suffix('.yaml').write_text('output: logits')
    elif change == 'size':
        request = ask(network_size=(48, 64))
    elif change == 'precision':
        hint = 'f32'
    else:
        (tmp_path / 'openvino.py').touch()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, 'openvino', raising=False)
    assert recorded_agreement(request, hint) is None


def test_what_cannot_be_taken_is_not_tried(ask, here, monkeypatch):
    here(WITH_VNNI)
    assert 'bf16' in preference_here(ask()).reason_against
    here(WITH_BF16)
    monkeypatch.setitem(sys.modules, 'openvino', None)
    assert preference_here(ask()) == Preference()


@pytest.mark.usefixtures('here')
def test_a_folder_that_cannot_be_written_leaves_the_model_untried(ask, tmp_path):
    (tmp_path / 'home').write_text('a file in the way')
    record_agreement(ask(), 'bf16', 1.0)
    assert preference_here(ask()).is_untried


PROGRAM = """
import sys
from pathlib import Path
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.openvino.trial_record import record_agreement
from rtformer_ros.engines.reduced_precision.cpu_features import computes_bf16, cpu_flags
request = EngineRequest(Path(sys.argv[1]), device='cpu', threads=1, trials_later=True)
if sys.argv[2]:
    record_agreement(request, 'bf16', float(sys.argv[2]))
engine = open_engine(request)
print(computes_bf16(cpu_flags()), 'openvino' in sys.modules)
print(engine.description.engine, engine.description.untried or 'nothing')
"""


@pytest.mark.parametrize('recorded', ['', '0.5', '0.999'])
def test_auto_loads_the_library_only_where_it_takes_it(tmp_path, recorded):
    """It takes a while to import and to try, which a start would wait for."""
    model = Path(__file__).parents[4] / 'models' / 'rtformer_slim_camvid_360x480.onnx'
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, model, recorded],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'ROS_HOME': str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    can, was_loaded, engine, untried = done.stdout.split()
    takes_it = can == 'True' and recorded == '0.999'
    assert was_loaded == str(takes_it)
    assert engine == ('openvino' if takes_it else 'onnxruntime')
    assert untried == ('openvino' if can == 'True' and not recorded else 'nothing')
