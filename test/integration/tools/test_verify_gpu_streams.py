# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Streams go through the real node, here with ONNX Runtime, and what does not run says why."""

from dataclasses import replace
from functools import partial
import importlib.util
import json
import os

from closed_form_models import brightest_channel
import cv2
from foreign_onnx import ForeignModel
from gpu_on_cpu import stand_in_for_gpu
import pytest
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.processes.executables import INTERRUPTED
from rtformer_ros.tools.benchmark.streams import StreamCase
from rtformer_ros.tools.verify_gpu import __main__ as verify_gpu
from rtformer_ros.tools.verify_gpu import measurements, streams
from rtformer_ros.tools.verify_gpu.scope import FULL, QUICK
from rtformer_ros.tools.verify_gpu.streams import measure_stream, NodeSetup

NO_FRAMES = {'frame_encodings': (), 'frame_streams': ()}
CASE = StreamCase(96, 64, 40.0, ('mask', 'overlay'), 40)


def test_a_stream_through_the_node_has_all_figures(models, tmp_path, monkeypatch):
    tegrastats = tmp_path / 'tegrastats'
    tegrastats.write_text('#!/bin/sh\nwhile sleep 0.05; do echo VDD_IN 7000mW/1mW; done\n')
    tegrastats.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    setup = NodeSetup(
        models / 'rgb.onnx', 'rgb', 'FP32', engine='onnxruntime', precision='fp32', threads=1
    )
    row = measure_stream(setup, CASE)
    assert (row.missing, row.has_failed) == ('', False)
    assert (row.model, row.node, row.outputs) == ('rgb', 'onnxruntime, FP32', 'mask+overlay')
    # The first ten are not counted.
    assert row.sent == 30
    assert 0 <= row.lost < 30
    assert 0 < row.p50_ms <= row.p95_ms <= row.max_ms
    assert 0 < row.infer_p50_ms < row.p95_ms
    assert row.overhead_p50_ms > 0
    assert row.cpu_ms > 0
    assert 'ONNX Runtime' in row.engine_detail
    assert (row.power.mean_w, row.power_missing) == (7.0, '')
    # Those of the second for which frames were sent alone.
    assert 0 < row.power.readings <= 25


def test_a_stream_of_yuv_goes_into_the_engine_as_it_comes(models):
    setup = NodeSetup(
        models / 'rgb.onnx', 'rgb', 'FP32', engine='onnxruntime', threads=1, frame_encoding='nv12'
    )
    row = measure_stream(setup, replace(CASE, encoding='nv12', outputs=('mask',)))
    assert (row.missing, row.has_failed) == ('', False)
    assert (row.node, row.encoding) == ('onnxruntime, FP32, frames as they come', 'nv12')
    assert 'frames of nv12 as they come' in row.engine_detail
    assert 0 <= row.lost < row.sent


def test_frames_that_the_host_prepared_are_no_figures_of_those_that_come_as_they_are(tmp_path):
    labels = LabelSet.generic(4, 'four').to_dict()
    model = ForeignModel(shape=('n', 3, 48, 64)).write(
        tmp_path / 'foreign.onnx',
        {'input': {'layout': 'nchw_float'}, 'output': 'logits', 'labels': labels},
    )
    setup = NodeSetup(
        model, 'foreign', 'FP32', engine='onnxruntime', threads=1, frame_encoding='nv12'
    )
    row = measure_stream(setup, replace(CASE, encoding='nv12', outputs=('mask',)))
    assert row.has_failed
    assert row.p50_ms is None
    assert row.missing.startswith('the node prepared its frames of nv12 on the host: ONNX Runt')


def test_a_node_whose_engine_does_not_open_says_why(models):
    row = measure_stream(NodeSetup(models / 'broken.onnx', 'broken', 'FP32', 'onnxruntime'), CASE)
    assert row.has_failed
    assert row.p50_ms is None
    assert 'is no ONNX model' in row.missing
    assert '\n' not in row.missing


def test_without_ros_no_node_is_started(models, monkeypatch):
    def find_spec(name):
        return None if name == 'rclpy' else importlib.util.find_spec(name)

    monkeypatch.setattr(streams, 'find_spec', find_spec)
    row = measure_stream(NodeSetup(models / 'rgb.onnx', 'rgb', 'FP16'), CASE)
    assert not row.has_failed
    assert 'ROS 2 is not here (no rclpy)' in row.missing


@pytest.fixture
def gpu(monkeypatch, models):
    """Let the CPU stand for the GPU, the real node with ONNX Runtime for one with TensorRT."""
    stand_in = stand_in_for_gpu(monkeypatch)
    stand_in.plan_path = models / 'rgb.onnx'
    short = replace(FULL, variants=('FP16',), torch_modes=(), has_onnxruntime=False, power_s=0.1)
    short = replace(short, streams=(CASE,), **NO_FRAMES)
    monkeypatch.setattr(verify_gpu, 'FULL', short)
    quick = replace(QUICK, streams=(CASE,), power_s=0.1)
    monkeypatch.setattr(verify_gpu, 'QUICK', quick)
    node = partial(NodeSetup, engine='onnxruntime', threads=1)

    def setup(model, name, variant, precision, **how):
        return node(model, name, variant, **how)

    monkeypatch.setattr(measurements, 'NodeSetup', setup)
    return stand_in


@pytest.mark.parametrize('quick', [[], ['--quick']])
def test_all_of_a_run_is_in_the_report(gpu, models, tmp_path, capsys, quick):
    output = tmp_path / 'report.json'
    model = str(models / 'rgb.onnx')
    arguments = [*quick, '--model', model, '--runs', '3', '--output', str(output)]
    assert verify_gpu.main(arguments) == 0
    data = json.loads(output.read_text())
    assert [row['runtime'] for row in data['measurements']] == (
        ['TensorRT FP16, CUDA graph'] if quick else ['TensorRT FP16, CUDA graph',
                                                     'TensorRT FP16, plain']
    )  # fmt: skip
    [stream] = data['streams']
    assert stream['sent'] == 30
    assert 0 < stream['p50_ms'] <= stream['max_ms']
    assert bool(data['left_out']) == bool(quick)
    assert data['is_complete'] is True
    text = output.with_suffix('.md').read_text()
    assert '| onnxruntime, FP16 | 96x64 rgb8, 40 Hz | mask+overlay |' in text
    assert ('## Left out by --quick' in text) == bool(quick)
    assert cv2.imread(str(output.with_suffix('.png'))) is not None
    assert 'rgb.onnx: the node' in capsys.readouterr().out


def test_lost_frames_are_no_failure(gpu, tmp_path, monkeypatch):
    """A model that takes longer than the camera's frames last cannot see them all."""
    fast = StreamCase(96, 64, 500.0, ('mask',), 60)
    monkeypatch.setattr(verify_gpu, 'QUICK', replace(verify_gpu.QUICK, streams=(fast,)))
    model = brightest_channel(tmp_path / 'slow.onnx', busy_loops=20)
    output = tmp_path / 'report.json'
    arguments = ['--model', str(model), '--runs', '1', '--quick', '--output', str(output)]
    assert verify_gpu.main(arguments) == 0
    [stream] = json.loads(output.read_text())['streams']
    assert 0 < stream['lost'] < stream['sent']


def test_whatever_ends_the_run_leaves_what_was_measured(gpu, models, tmp_path, monkeypatch):
    def end(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(measurements, 'measure_stream', end)
    output = tmp_path / 'report.json'
    arguments = ['--model', str(models / 'rgb.onnx'), '--runs', '1', '--output', str(output)]
    assert verify_gpu.main(arguments) == INTERRUPTED
    data = json.loads(output.read_text())
    assert (len(data['measurements']), data['is_complete']) == (2, False)
    assert '**Not complete**' in output.with_suffix('.md').read_text()
