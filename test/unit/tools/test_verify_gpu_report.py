# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The report is JSON, tables, Markdown and a picture, which say the same and what is missing."""

import json
import sys

import cv2
import numpy as np
import pytest
from rtformer_ros.tools.benchmark.report import GET_MATPLOTLIB
from rtformer_ros.tools.verify_gpu.document import markdown_of, write_documents
from rtformer_ros.tools.verify_gpu.installation import InstalledItem
from rtformer_ros.tools.verify_gpu.power import Power
from rtformer_ros.tools.verify_gpu.report import GpuReport, Measurement, StreamMeasurement
from rtformer_ros.tools.verify_gpu.timing import GpuTiming

TIMING = GpuTiming(300, 1.5, 1.75, 9.0, 640.0)
POWER = Power('tegrastats', 'VDD_IN', 12.8, 14.0, 20, {'VDD_IN': 12.8, 'VDD_SOC': 2.5})
RUNTIMES = (
    Measurement(
        'a.onnx', 'TensorRT FP16, CUDA graph', 1, 0.9987, 0.99, TIMING, 61.0,
        state={'GPU clock (MHz)': '1020'}, power=POWER,
    ),
    Measurement('a.onnx', 'TensorRT FP16, plain', 4, 0.5, 0.99, TIMING, note='from the cache',
                power_missing='tegrastats printed nothing'),
    Measurement('a.onnx', 'TensorRT INT8, plain', missing='no plan | at all', has_failed=True),
    Measurement('b.onnx', 'PyTorch FP16, compile', missing='no compiler'),
)  # fmt: skip
CAMERA = ('tensorrt, FP16', 1920, 1080, 30.0)
STREAMS = (
    StreamMeasurement(
        'a.onnx', *CAMERA, 'mask', 300, 2, 12.25, 15.0, 40.0, 6.5, 1.6, 5.25, 'TensorRT 10.3.0'
    ),
    StreamMeasurement('a.onnx', *CAMERA, 'mask+overlay', missing='ROS 2 is not here'),
)
ITEMS = (
    InstalledItem('GPU', 'Orin'),
    InstalledItem('onnx', 'none', 'pip install onnx'),
    InstalledItem('tqdm', 'none', 'pip install tqdm', is_needed=False),
)
REPORT = GpuReport(
    '2026-01-01T00:00:00+00:00',
    {'GPU': 'Orin', 'TensorRT': '10.3.0'},
    RUNTIMES,
    ITEMS,
    STREAMS,
    took_s=170.6,
)
GOLDEN = """\
# RTFormer on Orin

`verify_gpu`, 2026-01-01T00:00:00+00:00, took 171 s. **Wrong**: TensorRT FP16, plain, batch 4. \
**Failed**: TensorRT INT8, plain.

the picture

## a.onnx: a call, from pixels on the host to class map and confidence on the host

| runtime | agrees % | p50 ms | p95 ms | max ms | images/s | mean W | peak W | mJ an image |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| TensorRT FP16, CUDA graph | 99.87 | 1.50 | 1.75 | 9.00 | 640.0 | 12.8 | 14.0 | 20 |
| TensorRT FP16, plain, batch 4 | 50.00 | 1.50 | 1.75 | 9.00 | 640.0 | - | - | - |

- TensorRT FP16, CUDA graph: built in 61 s
- TensorRT FP16, plain, batch 4: WRONG, at least 99% is expected, from the cache

## a.onnx: the node, from the camera's publish to the mask in another process

| node | frame | subscribed | lost | sent | p50 ms | p95 ms | max ms | CPU ms | infer ms \
| overhead ms | mean W |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| tensorrt, FP16 | 1920x1080 rgb8, 30 Hz | mask \
| 2 | 300 | 12.2 | 15.0 | 40.0 | 6.5 | 1.60 | 5.25 | - |

- camera to mask, 1920x1080 rgb8 at 30 Hz, tensorrt, FP16: TensorRT 10.3.0

## Power by rail

- a.onnx: TensorRT FP16, CUDA graph: tegrastats, VDD_IN; VDD_IN 12.8 W, VDD_SOC 2.5 W

## Not measured

- a.onnx: TensorRT INT8, plain: FAILED: no plan | at all
- b.onnx: PyTorch FP16, compile: no compiler
- a.onnx: camera to mask+overlay, 1920x1080 rgb8 at 30 Hz, tensorrt, FP16: ROS 2 is not here
- power: tegrastats printed nothing

## Conditions

| condition | value |
| --- | --- |
| GPU | Orin |
| TensorRT | 10.3.0 |

Right after the last runtime:

| reading | value |
| --- | --- |
| GPU clock (MHz) | 1020 |

## Installation

| state | what | found | what mends it |
| --- | --- | --- | --- |
| ok | GPU | Orin |  |
| MISSING | onnx | none | pip install onnx |
| mind | tqdm | none | pip install tqdm |

## How to read it

- **agrees %**: """


def test_the_markdown_has_all_of_it():
    assert markdown_of(REPORT, 'the picture').startswith(GOLDEN)


def test_what_is_not_whole_says_so():
    left_out = ('FP32 and INT8', 'PyTorch')
    report = GpuReport('now', {}, (), left_out=left_out, is_complete=False)
    lines = markdown_of(report, '').splitlines()
    assert (
        lines[2] == '`verify_gpu`, now, took 0 s. **Not complete**: the run goes on, or was ended.'
    )
    index = lines.index('## Left out by --quick')
    assert lines[index + 2 : index + 4] == ['- FP32 and INT8', '- PyTorch']
    assert '## Not measured' not in lines


def test_the_json_has_all_figures():
    data = json.loads(REPORT.to_json())
    assert data['format'] == 2
    assert data['measurements'][0]['timing']['p95_ms'] == 1.75
    assert data['measurements'][0]['power']['rails_w'] == {'VDD_IN': 12.8, 'VDD_SOC': 2.5}
    assert data['measurements'][3]['missing'] == 'no compiler'
    assert (data['streams'][0]['lost'], data['streams'][0]['p95_ms']) == (2, 15.0)
    assert data['installation'][1]['fix'] == 'pip install onnx'


def test_a_terminal_shows_the_same_tables():
    lines = REPORT.text().splitlines()
    rows = [' '.join(line.split()) for line in lines]
    assert 'TensorRT FP16, CUDA graph 99.87 1.50 1.75 9.00 640.0 12.8 14.0 20' in rows
    assert 'TensorRT FP16, plain, batch 4: WRONG, at least 99% is expected, from the cache' in rows
    assert 'a.onnx: TensorRT INT8, plain: FAILED: no plan | at all' in rows


def test_figures_that_the_node_did_not_give_are_dashes():
    row = StreamMeasurement('a.onnx', *CAMERA, 'mask', 300, 0, 12.0, 15.0, 40.0)
    [table] = GpuReport('now', {}, (), streams=(row,)).tables()
    assert table.markdown()[-1].endswith('| 40.0 | - | - | - | - |')
    assert 'NaN' not in GpuReport('now', {}, (), streams=(row,)).to_json()


def bars_of(picture):
    """Return the widths in pixels of the bars of a chart, one row of pixels after the other."""
    hue = np.ptp(picture.astype(int), axis=2) > 50
    widths = hue.sum(axis=1)
    return [int(w) for w, before in zip(widths[1:], widths, strict=False) if w and not before]


def test_report_document_and_picture_lie_beside_each_other(tmp_path):
    output = tmp_path / 'orin.json'
    slower = GpuTiming(300, 3.0, 3.0, 9.0, 320.0)
    rows = (RUNTIMES[0], Measurement('a.onnx', 'TensorRT FP16, plain', timing=slower))
    write_documents(output, GpuReport('now', {'GPU': 'Orin'}, rows, streams=STREAMS))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'orin.json', 'orin.md', 'orin.png',
    ]  # fmt: skip
    assert json.loads(output.read_text())['made_at'] == 'now'
    assert '(orin.png)' in (tmp_path / 'orin.md').read_text()
    picture = cv2.imread(str(tmp_path / 'orin.png'))
    assert picture.shape[1] == 900
    fast, slow, *_ = bars_of(picture)
    assert slow == pytest.approx(2 * fast, abs=4)


def test_without_matplotlib_it_says_what_to_type(tmp_path, monkeypatch):
    output, picture = tmp_path / 'orin.json', tmp_path / 'orin.png'
    write_documents(output, REPORT)
    assert picture.exists()
    for name in ('matplotlib', 'matplotlib.figure'):
        monkeypatch.setitem(sys.modules, name, None)
    write_documents(output, REPORT)
    # One that a run before has left would show other figures.
    assert not picture.exists()
    text = (tmp_path / 'orin.md').read_text()
    assert GET_MATPLOTLIB in text
    assert '(orin.png)' not in text


def test_a_picture_that_fails_costs_no_figures(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError('no font')

    monkeypatch.setattr('rtformer_ros.tools.verify_gpu.document.chart_of', fail)
    write_documents(tmp_path / 'orin.json', REPORT)
    assert "cannot be drawn: RuntimeError('no font')" in (tmp_path / 'orin.md').read_text()
    assert json.loads((tmp_path / 'orin.json').read_text())['format'] == 2


def test_nothing_measured_is_no_picture(tmp_path):
    write_documents(tmp_path / 'orin.json', GpuReport('now', {}, RUNTIMES[2:]))
    assert 'No picture, as there are no figures.' in (tmp_path / 'orin.md').read_text()
    assert not (tmp_path / 'orin.png').exists()
