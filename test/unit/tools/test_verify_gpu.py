# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check how runtimes are timed and compared on a GPU, and what is said where there is none."""

from contextlib import contextmanager
from dataclasses import replace
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from rtformer_ros import engines
from rtformer_ros.engines.tensorrt import device
from rtformer_ros.engines.tensorrt.device import find_gpu, Gpu
from rtformer_ros.errors import EngineBuildError, EngineUnavailable, ModelError
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.tools.verify_gpu import __main__ as verify_gpu
from rtformer_ros.tools.verify_gpu import measurements as gpu_measurements
from rtformer_ros.tools.verify_gpu.conditions import conditions, gpu_state
from rtformer_ros.tools.verify_gpu.measurements import find_weights, GpuTrial, measure
from rtformer_ros.tools.verify_gpu.report import GpuReport, Measurement, table_of
from rtformer_ros.tools.verify_gpu.timing import GpuTiming, time_calls

ORIN = Gpu('Orin', '8.7', 16)
READINGS = '540.4.0, 30697, P0, 1300, 1300, [N/A], 20.5, 40.0, 55'


class Clock:
    """Stands still but for what calls take."""

    def __init__(self, durations_s):
        self.now_s = 100.0
        self._durations_s = iter(durations_s)
        self.calls = 0

    def __call__(self):
        return self.now_s

    def call(self):
        self.calls += 1
        self.now_s += next(self._durations_s)


def test_times_are_those_of_the_calls_after_the_warm_up():
    measured_s = [0.010] * 10 + [0.020] * 9 + [0.100]
    clock = Clock([0.3, 0.1, 0.2, *measured_s])
    timing = time_calls(clock.call, 20, images_per_call=4, clock=clock)
    assert clock.calls == 23
    assert timing.runs == 20
    assert timing.p50_ms == pytest.approx(20)
    assert timing.p95_ms == pytest.approx(20)
    assert timing.max_ms == pytest.approx(100)
    assert timing.images_per_s == pytest.approx(20 * 4 / sum(measured_s))


def test_quick_calls_warm_up_for_half_a_second():
    clock = Clock([0.001] * 600)
    time_calls(clock.call, 10, clock=clock)
    assert 500 <= clock.calls - 10 <= 502


def test_a_report_is_a_table_and_json():
    timing = GpuTiming(300, 1.5, 1.75, 9.0, 640.0)
    rows = (
        Measurement('a.onnx', 'TensorRT FP16, CUDA graph', 1, 0.9987, 0.99, timing, 61.0),
        Measurement('a.onnx', 'TensorRT FP16, plain', 4, 0.5, 0.99, timing, note='from the cache'),
        Measurement('b.onnx', 'PyTorch FP16, compile', missing='no compiler'),
    )
    assert [row.is_wrong for row in rows] == [False, True, False]
    lines = table_of(rows).splitlines()
    assert [line for line in lines if line.endswith('.onnx')] == ['a.onnx', 'b.onnx']
    figures = r'TensorRT FP16, CUDA graph 99.87% 1.50 1.75 640.0 built in 61 s'
    assert figures in [' '.join(line.split()) for line in lines]
    assert any('plain, batch 4' in line and 'WRONG, at least 99%' in line for line in lines)
    assert any(line.endswith('-- no compiler') for line in lines)
    data = json.loads(GpuReport('2026-01-01T00:00:00+00:00', {'GPU': 'x'}, rows).to_json())
    assert data['format'] == 1
    assert data['measurements'][0]['timing']['p95_ms'] == 1.75
    assert data['measurements'][2]['missing'] == 'no compiler'


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program of that name before all others; return a function that says its answer."""
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)

    def answer(text, code=0):
        program = tmp_path / 'nvidia-smi'
        program.write_text(f'#!/bin/sh\necho "{text}"\nexit {code}\n')
        program.chmod(0o755)

    return answer


def test_clocks_are_read_and_what_is_unknown_is_left_out(nvidia_smi):
    nvidia_smi(READINGS)
    state = gpu_state()
    assert state['SM clock (MHz)'] == '1300'
    assert state['temperature (C)'] == '55'
    assert 'memory clock (MHz)' not in state


@pytest.mark.parametrize(('text', 'code'), [('No devices were found', 6), ('', 0), ('1, 2', 0)])
def test_clocks_that_cannot_be_read_are_no_error(nvidia_smi, text, code):
    nvidia_smi(text, code)
    assert 'SM clock (MHz)' not in gpu_state()


def test_conditions_name_gpu_and_versions():
    found = conditions(ORIN)
    assert found['GPU'] == 'Orin (compute capability 8.7, 16 multiprocessors)'
    assert found['numpy'] == np.__version__
    assert {'TensorRT', 'torch', 'onnxruntime', 'Python', 'machine'} <= set(found)


def test_without_a_gpu_it_says_so(tmp_path, repository):
    report = tmp_path / 'report.json'
    done = subprocess.run(
        [sys.executable, '-m', 'rtformer_ros.tools.verify_gpu', '--output', report],
        cwd=repository,
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith('verify_gpu: there is no GPU to verify: ')
    assert 'NVIDIA' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not report.exists()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--runs', '0'], '--runs and --batch are 1 or more'),
        (['--model', 'gone.onnx'], "no model file 'gone.onnx'"),
        (['--output', '/gone/report.json'], '/gone is no folder'),
    ],
)
def test_bad_options_are_refused(capsys, arguments, message):
    assert verify_gpu.main(arguments) == 1
    assert message in capsys.readouterr().err


@pytest.fixture
def model():
    return find_model('rtformer_slim_camvid_360x480.onnx')


def test_all_packaged_models_are_tried(model, repository):
    assert verify_gpu.packaged_models() == sorted((repository / 'models').glob('*.onnx'))
    assert model in verify_gpu.packaged_models()


def test_the_weights_of_a_model_are_found(model, tmp_path):
    assert find_weights(model) == model.with_name('rtformer_slim_camvid.safetensors')
    copy = tmp_path / model.name
    copy.write_bytes(model.read_bytes())
    with pytest.raises(ModelError, match=f'the weights of {model.name} are not in {tmp_path}'):
        find_weights(copy)


class Prepared:
    """What is read of a plan; `what` says what its runner makes of class maps."""

    is_new = True

    class record:
        precision, build_s, notes = 'fp32', 12.0, ('FP16: too wrong',)

        class key:
            precision = 'fp16'


@pytest.fixture
def on_the_cpu(model, monkeypatch):
    """Let ONNX Runtime on the CPU stand for the GPU's; `shift` makes TensorRT wrong."""
    real, shift = engines.open_engine, {'by': 0}

    def open_engine(request):
        return real(replace(request, device='cpu'))

    def opening_plan(prepared, *, use_graph):
        @contextmanager
        def opening():
            engine = real(engines.EngineRequest(model, 'onnxruntime', device='cpu'))
            yield lambda images: engine.infer(images).class_map_nhw + shift['by'], 'how'
            engine.close()

        return opening

    monkeypatch.setattr(gpu_measurements, 'open_engine', open_engine)
    monkeypatch.setattr(gpu_measurements, '_prepare', lambda *arguments: Prepared)
    monkeypatch.setattr(gpu_measurements, '_opening_plan', opening_plan)
    monkeypatch.setattr(gpu_measurements, 'TORCH_MODES', ())
    monkeypatch.setattr(gpu_measurements, 'PRECISIONS', ('fp16',))
    monkeypatch.setattr(device, 'find_gpu', lambda: ORIN)
    return shift


def test_runtimes_are_measured_and_reported(on_the_cpu, model, tmp_path, capsys):
    report = tmp_path / 'report.json'
    arguments = ['--model', str(model), '--runs', '2', '--output', str(report)]
    assert verify_gpu.main(arguments) == 0
    rows = json.loads(report.read_text())['measurements']
    assert [row['runtime'] for row in rows] == [
        'TensorRT FP16, CUDA graph', 'TensorRT FP16, plain', 'ONNX Runtime on the GPU',
    ]  # fmt: skip
    for row in rows:
        assert row['agreement'] == 1.0
        assert 0 < row['timing']['p50_ms'] <= row['timing']['p95_ms'] <= row['timing']['max_ms']
    assert (rows[0]['build_s'], rows[0]['note']) == (12, 'how, the plan is FP32, FP16: too wrong')
    printed = capsys.readouterr().out
    assert 'Orin (compute capability 8.7' in printed
    assert 'TensorRT FP16, CUDA graph' in printed
    on_the_cpu['by'] = 1
    assert verify_gpu.main(['--model', str(model), '--runs', '1']) == 1
    assert 'WRONG, at least 99% is expected' in capsys.readouterr().out


def test_a_build_that_fails_is_a_failure(on_the_cpu, model, monkeypatch, capsys):
    error = EngineBuildError('agrees with ONNX Runtime\non 42 %')
    monkeypatch.setattr(gpu_measurements, '_prepare', lambda *arguments: error)
    assert verify_gpu.main(['--model', str(model), '--runs', '1']) == 1
    lines = capsys.readouterr().out.splitlines()
    failed = [line for line in lines if 'FAILED agrees with ONNX Runtime on 42 %' in line]
    assert [line[:24] for line in failed] == [
        'TensorRT FP16, CUDA grap',
        'TensorRT FP16, plain    ',
    ]
    assert any(line.startswith('ONNX Runtime on the GPU') and '100.00%' in line for line in lines)


def test_what_is_missing_is_a_row_that_says_why(model):
    try:
        gpu = find_gpu()
    except EngineUnavailable:
        rows = list(measure(GpuTrial(model, 1, batch=2)))
        assert len(rows) == 2 * 2 * 2 + 1 + 3 * 2
        assert all(row.missing and row.timing is None for row in rows)
        assert not any(row.is_wrong or row.has_failed for row in rows)
        tensorrt, *_, torch = rows
        assert 'NVIDIA' in tensorrt.missing
        assert 'has no CUDA here' in torch.missing
    else:
        pytest.skip(f'{gpu} is here: rows for what is missing without one were not tested')


def test_a_broken_model_is_a_row_too(tmp_path):
    model = tmp_path / 'broken.onnx'
    model.write_bytes(b'no model')
    [row] = measure(GpuTrial(model, 1))
    assert 'is no ONNX model' in row.missing
