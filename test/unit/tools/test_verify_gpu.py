# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check how runtimes are timed and compared on a GPU, and what is said where there is none."""

from dataclasses import replace
import json
import os
import subprocess
import sys

from closed_form_models import brightest_channel
from gpu_on_cpu import ORIN, stand_in_for_gpu
import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.device import find_gpu
from rtformer_ros.errors import EngineBuildError, EngineUnavailable, ModelError
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.tools.verify_gpu import __main__ as verify_gpu
from rtformer_ros.tools.verify_gpu.conditions import conditions, gpu_state
from rtformer_ros.tools.verify_gpu.measurements import GpuTrial, measure
from rtformer_ros.tools.verify_gpu.runtimes import openings
from rtformer_ros.tools.verify_gpu.runtimes.openings import checkpoint_of
from rtformer_ros.tools.verify_gpu.scope import FULL, QUICK
from rtformer_ros.tools.verify_gpu.timing import time_calls

NO_FRAMES = {'frame_encodings': (), 'frame_streams': ()}
SHORT = replace(
    FULL,
    variants=('FP16',),
    torch_modes=(),
    streams=FULL.streams[:1],
    power_s=0.1,
    **NO_FRAMES,
)
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
        (['--quick', '--batch', '0'], '--runs and --batch are 1 or more'),
        (['--output', 'report.md'], 'expected the name of the JSON file, as report.json'),
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


def test_all_packaged_models_are_tried_but_those_for_cpus(model, repository):
    found = set((repository / 'models').glob('*.onnx'))
    left_out = found - set(verify_gpu.packaged_models())
    assert model in verify_gpu.packaged_models()
    assert {path.name for path in left_out} == {f'{model.stem}_int8_cpu.onnx'}


def test_the_weights_of_a_model_are_found(model, tmp_path):
    assert checkpoint_of(model) == model.with_name('rtformer_slim_camvid.safetensors')
    copy = tmp_path / model.name
    copy.write_bytes(model.read_bytes())
    with pytest.raises(ModelError, match=f'the weights of {model.name} are not in {tmp_path}'):
        checkpoint_of(copy)


@pytest.fixture
def small(tmp_path):
    """Return a model that takes no time."""
    return brightest_channel(tmp_path / 'rgb.onnx')


@pytest.fixture
def gpu(monkeypatch):
    """Let ONNX Runtime on the CPU stand for a GPU."""
    monkeypatch.setattr(verify_gpu, 'FULL', SHORT)
    return stand_in_for_gpu(monkeypatch)


def test_runtimes_are_measured_and_reported(gpu, small, tmp_path, capsys):
    report = tmp_path / 'report.json'
    arguments = ['--model', str(small), '--runs', '2', '--output', str(report)]
    assert verify_gpu.main(arguments) == 0
    data = json.loads(report.read_text())
    rows = data['measurements']
    assert [row['runtime'] for row in rows] == [
        'TensorRT FP16, CUDA graph', 'TensorRT FP16, plain', 'ONNX Runtime on the GPU',
    ]  # fmt: skip
    for row in rows:
        assert row['agreement'] == 1.0
        assert 0 < row['timing']['p50_ms'] <= row['timing']['p95_ms'] <= row['timing']['max_ms']
    assert (rows[0]['build_s'], rows[0]['note']) == (12, 'how, FP16: too wrong, how it was made')
    # The plan of the stand-in lies nowhere, and so no node is started.
    [stream] = data['streams']
    assert stream['missing'].startswith('the plan could not be kept')
    assert data['is_complete'] is True
    # All calls, and more.
    assert data['took_s'] >= sum(row['timing']['p50_ms'] for row in rows) * 2 / 1e3
    printed = capsys.readouterr().out
    assert 'Orin (compute capability 8.7' in printed
    assert 'TensorRT FP16, CUDA graph' in printed
    assert f'it took {data["took_s"]:.0f} s\n' in printed
    gpu.shift = 1
    assert verify_gpu.main(['--model', str(small), '--runs', '1']) == 1
    assert 'WRONG, at least 99% is expected' in capsys.readouterr().out


def test_each_variant_is_a_row_with_an_agreement_of_its_own(gpu, small):
    scope = replace(SHORT, variants=('FP16', 'FP32', 'INT8'), plan_modes=('plain',), runs=1)
    rows = list(measure(GpuTrial(small, replace(scope, has_onnxruntime=False, streams=()))))
    assert [(row.runtime, row.least_agreement) for row in rows] == [
        ('TensorRT FP16, plain', 0.99),
        ('TensorRT FP32, plain', 0.99),
        ('TensorRT INT8, plain', 0.95),
    ]


def test_frames_are_measured_beside_the_way_of_the_host(gpu, small, tmp_path, monkeypatch):
    scope = replace(SHORT, plan_modes=('plain',), has_onnxruntime=False, streams=(), runs=1)
    scope = replace(scope, frame_encodings=('bgr8', 'nv12'), frame_streams=FULL.frame_streams)
    monkeypatch.setattr(verify_gpu, 'FULL', scope)
    output = tmp_path / 'report.json'
    assert verify_gpu.main(['--model', str(small), '--output', str(output)]) == 0
    data = json.loads(output.read_text())
    names = [row['runtime'] for row in data['measurements'][1:]]
    assert names == [
        f'TensorRT FP16, 1080p frames of {encoding} {how}'
        for encoding in ('bgr8', 'nv12')
        for how in ('as they come', 'prepared on the host')
    ]
    for row in data['measurements'][1:]:
        # Of two channels that are equal but for rounding, this model takes either.
        assert row['agreement'] >= 0.98
        assert row['timing']['p50_ms'] > 0
        assert ('as they come' in row['note']) == ('as they come' in row['runtime'])
    assert [(row['node'], row['encoding']) for row in data['streams']] == [
        (f'tensorrt, FP16{how}', encoding)
        for encoding in ('bgr8', 'nv12')
        for how in (', frames as they come', '')
    ]
    text = output.with_suffix('.md').read_text()
    assert '| TensorRT FP16, 1080p frames of nv12 as they come |' in text


def test_a_model_that_takes_no_frames_is_told(gpu, small, monkeypatch):
    real = openings.open_engine
    without = {'frame_encoding': ''}
    monkeypatch.setattr(openings, 'open_engine', lambda request: real(replace(request, **without)))
    scope = replace(SHORT, plan_modes=(), has_onnxruntime=False, streams=(), runs=1)
    scope = replace(scope, frame_encodings=('yuyv',), frame_streams=FULL.frame_streams)
    whole, stream, host, _ = measure(GpuTrial(small, scope))
    assert whole.has_failed
    assert whole.missing == 'the engine takes no frames of yuyv, see the log'
    assert stream.missing == 'there is no plan, see TensorRT above'
    assert host.agreement == 1.0


def test_power_is_read_while_a_runtime_is_called(gpu, small, tmp_path, monkeypatch):
    tegrastats = tmp_path / 'tegrastats'
    tegrastats.write_text('#!/bin/sh\nwhile :; do echo VDD_IN 7000mW/1mW; sleep 0.05; done\n')
    tegrastats.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    scope = replace(SHORT, plan_modes=('plain',), runs=1, has_onnxruntime=False, streams=())
    [row] = measure(GpuTrial(small, replace(scope, power_s=1.0)))
    assert (row.power.source, row.power.mean_w, row.power.peak_w) == ('tegrastats', 7.0, 7.0)
    assert row.power_missing == ''


def test_a_plan_in_another_precision_than_asked_is_told(gpu, small, monkeypatch):
    compiled = gpu.compile

    def in_fp32(*arguments):
        made = compiled(*arguments)
        made.plan.record.precision = 'fp32'
        return made

    monkeypatch.setattr('rtformer_ros.tools.verify_gpu.measurements._compile', in_fp32)
    scope = replace(SHORT, plan_modes=('plain',), runs=1, has_onnxruntime=False, streams=())
    [row] = measure(GpuTrial(small, scope))
    assert 'the plan is FP32' in row.note


def test_quick_measures_little_and_says_what_it_leaves_out(gpu, small, monkeypatch, capsys):
    larger = brightest_channel(small.with_name('larger.onnx'), busy_loops=1)
    monkeypatch.setattr(verify_gpu, 'QUICK', replace(QUICK, power_s=0.1))
    monkeypatch.setattr(verify_gpu, 'packaged_models', lambda: [larger, small])
    assert verify_gpu.main(['--quick', '--runs', '2']) == 0
    printed = capsys.readouterr().out
    for text in QUICK.left_out:
        assert text in printed
    assert gpu.levels == [0]
    runtimes = [line for line in printed.splitlines() if line.startswith('TensorRT')]
    assert len([line for line in runtimes if '100.00' in line]) == 1
    assert 'ONNX Runtime on the GPU  ' not in printed
    assert 'larger.onnx' not in printed


def test_a_build_that_fails_is_a_failure(gpu, small, capsys):
    gpu.failure = EngineBuildError('agrees with ONNX Runtime\non 42 %')
    assert verify_gpu.main(['--model', str(small), '--runs', '1']) == 1
    printed = capsys.readouterr().out
    for mode in ('CUDA graph', 'plain'):
        why = f'TensorRT FP16, {mode}: FAILED: agrees with ONNX Runtime on 42 %'
        assert f'{small.name}: {why}' in printed.splitlines()
    assert 'there is no plan, see TensorRT above' in printed
    lines = printed.splitlines()
    assert any(line.startswith('ONNX Runtime on the GPU') and '100.00' in line for line in lines)


def test_what_is_missing_is_a_row_that_says_why(model):
    try:
        gpu = find_gpu()
    except EngineUnavailable:
        rows = list(measure(GpuTrial(model, batch=2)))
        # Runtimes of three variants, their streams, frames of three encodings and their streams.
        assert len(rows) == 3 * 2 * 2 + 3 * 2 + 3 * (2 + 2) + 1 + 3 * 2
        assert all(row.missing for row in rows)
        assert not any(row.has_failed for row in rows)
        tensorrt, *_, torch = rows
        assert 'NVIDIA' in tensorrt.missing
        assert 'has no CUDA here' in torch.missing
    else:
        pytest.skip(f'{gpu} is here: rows for what is missing without one were not tested')


def test_a_broken_model_is_a_row_too(tmp_path):
    model = tmp_path / 'broken.onnx'
    model.write_bytes(b'no model')
    [row] = measure(GpuTrial(model))
    assert 'is no ONNX model' in row.missing
