# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The benchmark measures real processes and says under what conditions."""

import re

from rtformer_ros.tools.benchmark.__main__ import describe_conditions, main
from rtformer_ros.tools.benchmark.naive import compare_with_naive, naive_table
from rtformer_ros.tools.benchmark.network import time_engine
from rtformer_ros.tools.benchmark.node import NodeCase, time_node


def test_node_case_is_measured_stage_by_stage(models):
    case = NodeCase(96, 64, 'bgr8', ('mask', 'overlay'), 30, 50.0)
    timing = time_node(case, models / 'rgb.onnx', 'onnxruntime', 1)
    stages = timing.stages_p50_ms
    parts = [v for k, v in stages.items() if k not in ('total', 'overhead', 'infer', 'stamp')]
    assert len(parts) == 5
    assert all(value >= 0 for value in parts)
    assert stages['overhead'] <= stages['total'] <= timing.latency_p50_ms
    assert timing.latency_p50_ms <= timing.latency_p95_ms
    assert min(timing.resident_mib) > 10


def test_a_naive_node_is_measured_beside_ours(models):
    case = NodeCase(96, 64, 'rgb8', ('mask', 'overlay'), 40, 40.0)
    costs = compare_with_naive(case, models / 'rgb.onnx', 1)
    assert [cost.node for cost in costs] == ['this node', 'naive node']
    # The model's own work is in both: about a second a frame on one core, here as on any machine.
    for cost in costs:
        assert cost.cpu_ms[0] > 0
        assert cost.latency_p50_ms[0] > 0
    assert len(naive_table(costs)) == 4


def test_soak_prints_conditions_and_memory(models, capsys):
    assert main(['--soak', '20', '--model', str(models / 'rgb.onnx'), '--threads', '1']) == 0
    printed = capsys.readouterr().out
    assert describe_conditions(models / 'rgb.onnx', 1).splitlines()[1] in printed
    memory = re.search(r'resident memory .*: ([\d, ]+)$', printed, re.MULTILINE)
    assert memory is not None
    assert len(memory[1].split(',')) > 5


def test_cameras_are_counted_one_by_one(models, capsys):
    model = str(models / 'rgb.onnx')
    assert main(['--part', 'cameras', '--seconds', '2', '--model', model]) == 0
    printed = capsys.readouterr().out
    assert 'node, 60 frames' not in printed
    rows = re.findall(r'^(front|left|right) +(\d+) +(\d+) +(\d+) +(\d+) ', printed, re.MULTILINE)
    assert [row[0] for row in rows] == ['front', 'left', 'right']
    for sent, received, skipped, masks in (map(int, row[1:]) for row in rows):
        assert sent == 20
        assert received == masks + skipped > 0
    assert re.search(r'worked on frames \d+% of the time', printed)


def test_projections_have_a_row_each(models, capsys):
    model = str(models / 'rgb.onnx')
    assert main(['--part', 'geometry', '--runs', '3', '--model', model]) == 0
    printed = capsys.readouterr().out
    rows = dict(re.findall(r'^(costmap|scan|points) +([\d.]+) ', printed, re.MULTILINE))
    assert rows.keys() == {'costmap', 'scan', 'points'}
    assert all(float(p50_ms) > 0 for p50_ms in rows.values())


def test_pictures_and_smoothing_have_a_row_each(models, capsys):
    model = str(models / 'rgb.onnx')
    assert main(['--part', 'pictures', '--runs', '3', '--model', model]) == 0
    rows = dict(
        re.findall(r'^([a-z_/]+) +([\d.]+) +[\d.]+$', capsys.readouterr().out, re.MULTILINE)
    )
    packed = [f'{name}/compressed' for name in ('mask', 'color_mask', 'overlay')]
    drawn = ['mask', 'color_mask', 'overlay', 'confidence']
    assert sorted(rows) == sorted([*drawn, *packed, 'temporal_smoothing'])
    assert all(float(p50_ms) > 0 for p50_ms in rows.values())


def test_slower_model_takes_longer(models):
    fast, slow = (time_engine(models / f'{n}.onnx', 'auto', 1, 3) for n in ('rgb', 'slow'))
    assert fast.times.p50_ms < slow.times.p50_ms


def test_model_that_is_missing_is_one_clear_line(capsys):
    assert main(['--model', '/nowhere.onnx']) == 1
    assert '/nowhere.onnx' in capsys.readouterr().err
