# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""INT8 is written as this TensorRT reads it; quick plans are nobody else's."""

from types import SimpleNamespace

import pytest
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.deploy.onnx_file import read_onnx
from rtformer_ros.engines import BuildOptions, EngineRequest
from rtformer_ros.engines.tensorrt.build.verification import LEAST_AGREEMENT, reference_of
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.tools.verify_gpu import variants
from rtformer_ros.tools.verify_gpu.scope import FULL, QUICK


@pytest.mark.parametrize(('version', 'half'), [('10.3.0', 'true'), ('8.6.2', '')])
def test_int8_is_in_the_form_that_this_tensorrt_reads(tmp_path, monkeypatch, version, half):
    bindings = SimpleNamespace(__name__='tensorrt', __version__=version)
    monkeypatch.setattr(variants, 'load_tensorrt', lambda: bindings)
    model = find_model('')
    int8 = variants.VARIANTS['INT8']
    written = int8.write(model, tmp_path)
    assert written.path.parent == tmp_path
    assert 'its agreement is not its accuracy' in written.note
    graph = read_onnx(written.path)
    assert precision_of(graph) == 'int8'
    properties = {entry.key: entry.value for entry in graph.metadata_props}
    assert properties.get('rtformer_ros.half_quantised', '') == half
    if version.startswith('10'):
        quantised, original = (
            reference_of(EngineRequest(path, 'onnxruntime', device='cpu'))
            for path in (written.path, model)
        )
        agreement = original.agreement_of(quantised.class_map_nhw)
        assert LEAST_AGREEMENT['int8'] == int8.least_agreement < agreement < 1


@pytest.mark.parametrize('name', ['FP16', 'FP32'])
def test_the_others_are_the_model_itself(tmp_path, name):
    model = find_model('')
    assert variants.VARIANTS[name].write(model, tmp_path).path == model
    assert list(tmp_path.iterdir()) == []


def test_a_quick_plan_is_kept_apart_from_the_one_that_a_node_takes(bench):
    assert (QUICK.optimization_level, FULL.optimization_level) == (0, 3)
    quick = bench.prepare(
        bench.request(build={'optimization_level': QUICK.optimization_level}), is_exact=True
    )
    assert bench.needs_build()
    usual = bench.prepare(is_exact=True)
    assert bench.builds() == ['fp16@0', 'fp16@3']
    assert quick.path != usual.path
    # Both are found again, each by its own.
    again = bench.prepare(bench.request(build={'optimization_level': 0}), is_exact=True)
    assert (again.path, again.is_new) == (quick.path, False)
    assert FULL.optimization_level == BuildOptions().optimization_level
