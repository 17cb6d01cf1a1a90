# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from rtformer_ros.tools.demo.report import demo_table

SUMMARY = {
    'frames_sent': 150,
    'masks_received': 120,
    'fps': 9.96,
    'latency_ms': {'p50': 84.54, 'p95': 140.2, 'max': 200.0},
    'image_size': [640, 480],
    'mask_size': [320, 240],
    'node': {
        'engine': 'onnxruntime',
        'engine detail': 'ONNX Runtime',
        'device': 'cpu',
        'model': '/models/slim.onnx',
        'network size': '480x360',
        'frames received': '148',
        'frames segmented': '121',
        'dropped: newer frame': '27',
        'dropped: failed': '0',
    },
}


def rows(summary):
    return dict(
        re.split(r' {2,}', line.strip(), maxsplit=1) for line in demo_table(summary).splitlines()
    )


@pytest.mark.parametrize(
    ('row', 'value'),
    [
        ('frames sent', '150'),
        ('frames segmented', '121'),
        ('frames dropped', '30 (27 newer frame, 2 never reached the node)'),
        ('masks per second', '10.0'),
        ('latency p50', '84.5 ms (camera stamp to received mask)'),
        ('engine', 'onnxruntime, ONNX Runtime'),
        ('model', 'slim.onnx'),
        ('camera image', '640 x 480'),
        ('mask', '320 x 240'),
    ],
)
def test_rows(row, value):
    assert rows(SUMMARY)[row] == value


def test_costmaps_and_scans_have_rows_where_they_came():
    assert not {'costmaps received', 'scans received'} & rows(SUMMARY).keys()
    table = rows({**SUMMARY, 'costmaps_received': 31, 'scans_received': 30})
    assert (table['costmaps received'], table['scans received']) == ('31', '30')


def test_what_is_not_known_is_a_dash():
    empty = {
        **SUMMARY,
        'latency_ms': {'p50': None, 'p95': None, 'max': None},
        'image_size': [0, 0],
        'mask_size': [0, 0],
        'node': {},
    }
    table = rows(empty)
    for row in ('latency p50', 'engine', 'device', 'model', 'camera image', 'network input'):
        assert table[row] == '-'
