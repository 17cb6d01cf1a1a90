# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""INT8 is written as this TensorRT reads it; quick plans are nobody else's."""

from dataclasses import replace
from types import SimpleNamespace

from closed_form_models import brightest_channel
from gpu_on_cpu import GpuOnCpu
from plan_workbench import TARGET
import pytest
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.deploy.onnx_file import read_onnx
from rtformer_ros.engines import BuildOptions, EngineRequest
from rtformer_ros.engines.tensorrt.build.verification import LEAST_AGREEMENT, reference_of
from rtformer_ros.engines.tensorrt.plans.key import key_of
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.ros.interface.node_settings import NodeSettings
from rtformer_ros.ros.interface.parameters import SPECS
from rtformer_ros.ros.model.engine_request import engine_request
from rtformer_ros.tools.verify_gpu import measurements, variants
from rtformer_ros.tools.verify_gpu.measurements import GpuTrial, measure
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
    assert FULL.optimization_level == BuildOptions().optimization_level
    quick = bench.request(build={'optimization_level': QUICK.optimization_level})
    bench.prepare(quick, is_exact=True)
    assert bench.builds() == ['fp16@0']
    assert not bench.needs_build(quick)
    assert bench.needs_build()


@pytest.mark.parametrize('scope', [FULL, QUICK], ids=['full', 'quick'])
@pytest.mark.parametrize('name', list(variants.VARIANTS))
def test_the_node_finds_the_plan_that_was_measured(tmp_path, monkeypatch, scope, name):
    """Its parameters ask for the same plan, or it would compile for minutes."""
    as_it_is = replace(variants.VARIANTS[name], write=variants.VARIANTS['FP16'].write)
    monkeypatch.setitem(variants.VARIANTS, name, as_it_is)
    compiled, streamed = [], []
    record = SimpleNamespace(precision='fp16', build_s=1.0, notes=())
    plan = SimpleNamespace(is_new=True, path=tmp_path, record=record, plan=b'', metadata=None)

    def prepare_plan(request, **options):
        compiled.append(request)
        return plan

    def measure_stream(setup, case):
        streamed.append(setup)
        return setup.row(case)

    monkeypatch.setattr(measurements, 'prepare_plan', prepare_plan)
    monkeypatch.setattr(measurements, 'measure_stream', measure_stream)
    model = brightest_channel(tmp_path / 'rgb.onnx')
    images = replace(scope, frame_encodings=(), frame_streams=())
    alone = replace(images, variants=(name,), torch_modes=(), has_onnxruntime=False)
    rows = list(measure(GpuTrial(model, alone)))
    assert len(rows) == len(scope.plan_modes) + len(scope.streams)
    defaults = {name: spec.default for name, spec in SPECS.items()}
    for setup in streamed:
        settings = NodeSettings.from_values({**defaults, **setup.parameters}).model
        request = engine_request(settings)
        assert request.engine == 'tensorrt'
        assert key_of(request, TARGET) == key_of(compiled[0], TARGET)
    assert len(streamed) == len(scope.streams)


def test_a_variant_for_frames_of_another_size_is_compared_with_itself(tmp_path, monkeypatch):
    """A row of the table is all that such a variant needs."""

    def write(model, folder):
        path = brightest_channel(folder / 'frames.onnx', height=90, width=160)
        return variants.WrittenModel(path, compared_with=path)

    frames = variants.Variant('FP16, frames', 'fp16', 'fp16', 0.99, write)
    monkeypatch.setitem(variants.VARIANTS, frames.name, frames)
    record = SimpleNamespace(precision='fp16', build_s=1.0, notes=())

    def prepare_plan(request, **options):
        return SimpleNamespace(is_new=True, path=None, record=record, model=request.model)

    monkeypatch.setattr(measurements, 'prepare_plan', prepare_plan)
    monkeypatch.setattr(measurements, 'opening_plan', GpuOnCpu().opening_plan)
    scope = replace(QUICK, variants=(frames.name,), runs=2, streams=(), power_s=0.1)
    [row] = measure(GpuTrial(brightest_channel(tmp_path / 'rgb.onnx'), scope))
    assert (row.runtime, row.missing) == ('TensorRT FP16, frames, CUDA graph', '')
    assert row.agreement == 1
