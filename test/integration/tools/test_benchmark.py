# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The benchmark measures real processes and says under what conditions."""

import json
import math
import re

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.tools.benchmark.__main__ import main
from rtformer_ros.tools.benchmark.engines import engines_table
from rtformer_ros.tools.benchmark.node import NodeCase, time_node
from rtformer_ros.tools.benchmark.report import Conditions, write_chart, write_json
from rtformer_ros.tools.benchmark.start import start_table
from rtformer_ros.tools.benchmark.streams import StreamCase, streams_table
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.benchmark.throughput import throughput_table


def test_node_case_is_measured_stage_by_stage(models):
    case = NodeCase(96, 64, 'bgr8', ('mask', 'overlay'), 30, 50.0)
    timing = time_node(case, models / 'rgb.onnx', 'onnxruntime', 1)
    stages = timing.stages_p50_ms
    parts = [v for k, v in stages.items() if k not in ('total', 'overhead', 'infer', 'stamp')]
    assert len(parts) == 5
    assert all(value >= 0 for value in parts)
    assert stages['overhead'] <= stages['total']
    # Not the median: on a busy machine frames are lost on the way, and those that stages are of
    # are others than those that latencies are of.
    assert stages['total'] <= timing.latency_p95_ms
    assert timing.latency_p50_ms <= timing.latency_p95_ms
    assert min(timing.resident_mib) > 10


def test_a_naive_node_gets_the_same_frames(models):
    case = StreamCase(96, 64, 40.0, ('mask', 'overlay', 'overlay/compressed'), 40)
    table = streams_table([case], models / 'rgb.onnx', 1, rounds=2)
    assert table.column('node') == ('this node', 'naive node')
    # The model's own work is in both.
    assert all(cpu_ms > 0 for cpu_ms in table.column('CPU ms'))
    latencies = [table.column(f'{name} ms') for name in ('p50', 'p95', 'max')]
    for p50, p95, most in zip(*latencies, strict=True):
        assert 0 < p50 <= p95 <= most
    # The first ten of each round are not counted.
    assert table.column('sent') == (60, 60)
    assert all(0 <= lost < 60 for lost in table.column('lost'))


@pytest.mark.parametrize(
    ('engine', 'same_engine'),
    [('onnxruntime', ()), ('auto', ('this node on onnxruntime, cold',))],
)
def test_the_start_is_measured_from_nothing_and_again(models, engine, same_engine):
    table = start_table(models / 'rgb.onnx', engine, 1, 1)
    own = ('this node, cold', 'this node, second start')
    assert table.column('node') == ('naive node', *same_engine, *own)
    assert all(0.1 < seconds < 60 for seconds in table.column('min s'))
    assert table.column('times as long')[0] == 1


def test_tools_are_measured_beside_the_bare_engine(models):
    table = throughput_table(models / 'rgb.onnx', 'onnxruntime', 1, 12, 1)
    assert table.column('tool') == ('bare engine', 'evaluate', 'process_bag')
    rates = table.column('images/s')
    assert table.column('of the bare engine') == pytest.approx([r / rates[0] for r in rates])


def test_soak_prints_conditions_and_memory(models, capsys):
    assert main(['--soak', '20', '--model', str(models / 'rgb.onnx'), '--threads', '1']) == 0
    printed = capsys.readouterr().out
    assert str(Conditions.now(models / 'rgb.onnx', 1)).splitlines()[1] in printed
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


def test_a_slower_model_takes_longer_in_every_runtime(models):
    names = ('onnxruntime', 'onnxruntime, INT8', 'bare ONNX Runtime')
    fast, slow = (engines_table(models / f'{n}.onnx', 1, 3, names) for n in ('rgb', 'slow'))
    rows = {row[0]: row for row in slow.rows}
    assert rows.keys() == {'onnxruntime', 'bare ONNX Runtime'}
    for name, least_ms, *_ in fast.rows:
        assert least_ms < rows[name][1]
    # These models have no INT8 file beside them.
    assert any('onnxruntime, INT8' in note for note in fast.notes)


TABLE = Table(
    'two runtimes',
    (Column('runtime'), Column('ms', 1), Column('lost')),
    (('one', 12.34, 0), ('another', math.nan, 3)),
    ('left out: a third',),
    bars=('ms',),
)


def test_a_table_is_aligned_and_says_what_is_missing():
    assert TABLE.lines() == [
        '',
        'two runtimes',
        'runtime    ms  lost',
        'one      12.3     0',
        'another     -     3',
        'left out: a third',
    ]


def test_the_report_is_json_and_a_picture(tmp_path):
    conditions = Conditions('a machine', (0.1, 0.2, 0.3), 'versions', 'model.onnx')
    write_json(tmp_path / 'report.json', conditions, [TABLE])
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['conditions']['load_average'] == [0.1, 0.2, 0.3]
    assert report['tables'][0]['rows'][1] == {'runtime': 'another', 'ms': None, 'lost': 3}
    write_chart(tmp_path / 'chart.png', conditions, [TABLE])
    picture = cv2.imread(str(tmp_path / 'chart.png'))
    assert picture.shape[1] == 900
    # Bars have a colour of their own.
    assert (np.ptp(picture, axis=2) > 50).mean() > 0.01


def test_a_chart_of_nothing_is_refused(tmp_path):
    conditions = Conditions('a machine', (0.1, 0.2, 0.3), 'versions', 'model.onnx')
    with pytest.raises(ConfigError, match='--chart'):
        write_chart(tmp_path / 'chart.png', conditions, [])


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--model', '/nowhere.onnx'], "there is no model file '/nowhere.onnx'"),
        (['--runs', '0'], '--runs is 0; expected 1 or more'),
        (['--frames', '-1'], '--frames is -1; expected 1 or more'),
        (['--threads', '-1'], '--threads is -1; expected 0 or more'),
        (['--rate', '-1'], '--rate is -1; expected 0 or more'),
        (['--seconds', 'nan'], '--seconds is nan; expected a number above 0'),
        (['--json', '/dev/null/x.json'], 'cannot write /dev/null/x.json'),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(options, words, capsys):
    assert main(options) == 1
    captured = capsys.readouterr()
    [line] = captured.err.splitlines()
    assert line.startswith('benchmark: ')
    assert words in line
    assert captured.out == ''
