# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""`export --frame-input` writes the graphs for frames beside the model."""

import onnx
from rtformer_ros.deploy.frames.frame_input import FRAME_ENCODING
from rtformer_ros.tools.export import main
from street_images import ROOT

WEIGHTS = ROOT / 'models' / 'rtformer_slim_camvid.safetensors'


def test_graphs_lie_beside_the_model(tmp_path, monkeypatch, capsys):
    size = ['--height', '96', '--width', '128']
    given = ['export', str(WEIGHTS), str(tmp_path / 'm.onnx'), *size, '--frame-input', 'nv12']
    monkeypatch.setattr('sys.argv', given)
    assert main() == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        'm.onnx', 'm_frame.onnx', 'm_color_mask.onnx', 'm_overlay.onnx',
    }  # fmt: skip
    assert 'm_frame.onnx: frames of nv12' in capsys.readouterr().out
    frame, overlay = (onnx.load(tmp_path / f'm_{name}.onnx') for name in ('frame', 'overlay'))
    assert {p.key: p.value for p in frame.metadata_props}[FRAME_ENCODING] == 'nv12'
    for graph in (frame.graph, overlay.graph):
        assert {'frame', 'chroma', 'chroma_rows'} <= {value.name for value in graph.input}
