# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check how an engine is chosen and what is said when none can be opened."""

from dataclasses import replace
import logging
import os
from pathlib import Path
import re
import subprocess
import sys

from foreign_onnx import ForeignModel
import pytest
from rtformer_ros.engines import (
    engine_names,
    engine_table,
    EngineRequest,
    needs_build,
    open_engine,
)
from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
from rtformer_ros.engines.openvino.preference import Preference, preference_here
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildError,
    EngineError,
    EngineUnavailable,
    ModelError,
)

ROOT = Path(__file__).parents[3]
SIDECAR = {'input': {'layout': 'nchw_float'}, 'output': 'logits'}

BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Blocker())
"""


def python(code, *arguments):
    """Run Python code in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, '-c', code, *map(str, arguments)],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def model(tmp_path):
    return ForeignModel().write(tmp_path / 'm.onnx', SIDECAR)


def test_auto_opens_onnx_with_onnx_runtime_and_logs_why(model, caplog):
    with caplog.at_level(logging.INFO, logger='rtformer_ros.engines'):
        request = EngineRequest(model, device='cpu', precision='fp32')
        description = open_engine(request).description
    assert (description.engine, description.model) == ('onnxruntime', model)
    assert len(caplog.messages) == 1
    assert re.fullmatch(
        r'engine auto: onnxruntime on cpu \(tensorrt is not available: device is cpu, .+\)',
        caplog.messages[0],
    )


def test_auto_says_in_one_line_why_it_passes_over_an_engine(model, caplog, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    with caplog.at_level(logging.INFO, logger='rtformer_ros.engines'):
        description = open_engine(EngineRequest(model, precision='fp32')).description
    assert description.engine == 'onnxruntime'
    assert len(caplog.messages) == 1
    assert description.passed_over.startswith('tensorrt is not available: ')
    assert 'NVIDIA' in description.passed_over
    assert description.passed_over in caplog.messages[0]
    assert '\n' not in caplog.messages[0]


class FailingEngine:
    """Stands in the place of an engine's module and of its class; opening a model fails."""

    def __init__(self, error):
        self.error = error
        self.TensorRTEngine = self

    def open(self, request):
        raise self.error


@pytest.mark.parametrize(
    'error', [EngineUnavailable('no'), EngineBuildError('no'), EngineError('no')]
)
def test_auto_goes_on_when_a_compiler_fails(model, monkeypatch, error):
    monkeypatch.setitem(sys.modules, 'rtformer_ros.engines.tensorrt.engine', FailingEngine(error))
    request = EngineRequest(model, device='cpu', precision='fp32')
    description = open_engine(request).description
    assert description.engine == 'onnxruntime'
    assert re.fullmatch('tensorrt .*: no; openvino .*', description.passed_over)
    with pytest.raises(type(error), match='no'):
        open_engine(EngineRequest(model, 'tensorrt'))


def test_only_auto_does_without_what_could_not_be_compiled_before(model, monkeypatch):
    asked = []

    class Engine(FailingEngine):
        def needs_build(self, request):
            asked.append(request.skips_failed)

        def open(self, request):
            asked.append(request.skips_failed)
            raise self.error

    module = 'rtformer_ros.engines.tensorrt.engine'
    monkeypatch.setitem(sys.modules, module, Engine(EngineBuildError('no')))
    assert not needs_build(EngineRequest(model, device='cpu'))
    open_engine(EngineRequest(model, device='cpu'))
    assert not needs_build(EngineRequest(model, 'tensorrt'))
    with pytest.raises(EngineBuildError):
        open_engine(EngineRequest(model, 'tensorrt'))
    assert asked == [True, True, False, False]


class TrialEngine(OnnxRuntimeEngine):
    """An engine that is yet to be tried."""


@pytest.fixture
def untried(monkeypatch):
    """Put an engine on top of the table that is yet to be tried."""
    monkeypatch.setitem(sys.modules, 'rtformer_ros.engines.trial', sys.modules[__name__])
    entry = engine_table.EngineEntry(
        'trial', 'TrialEngine', ('.onnx',), '', preference=lambda _: Preference(is_untried=True)
    )
    monkeypatch.setattr(engine_table, 'ENGINES', {'trial': entry, **engine_table.ENGINES})


@pytest.mark.usefixtures('untried')
def test_who_does_not_wait_for_a_trial_gets_the_next_engine(model):
    request = EngineRequest(model, device='cpu', precision='fp32', trials_later=True)
    opened = open_engine(request)
    assert type(opened) is OnnxRuntimeEngine
    assert opened.description.untried == 'trial'
    assert opened.description.passed_over.startswith('trial is yet to be tried with this model; ')
    waited = open_engine(replace(request, trials_later=False))
    assert type(waited) is TrialEngine
    assert (waited.description.untried, waited.description.passed_over) == ('', '')


@pytest.mark.usefixtures('untried')
@pytest.mark.parametrize('error', [ModelError('an operator is missing'), EngineUnavailable('no')])
def test_an_engine_that_no_other_can_replace_is_tried_at_once(model, monkeypatch, error):
    failing = FailingEngine(error)
    failing.OnnxRuntimeEngine = failing
    monkeypatch.setitem(sys.modules, 'rtformer_ros.engines.onnxruntime', failing)
    request = EngineRequest(model, device='cpu', precision='fp32', trials_later=True)
    assert type(open_engine(request)) is TrialEngine


def test_auto_goes_on_when_an_engine_cannot_read_what_another_can(model, monkeypatch):
    failing = FailingEngine(ModelError('an operator is missing'))
    monkeypatch.setitem(sys.modules, 'rtformer_ros.engines.tensorrt.engine', failing)
    request = EngineRequest(model, device='cpu', precision='fp32')
    described = open_engine(request).description
    assert described.engine == 'onnxruntime'
    assert described.passed_over.startswith('tensorrt cannot read it: an operator is missing; ')
    model.write_bytes(b'no model')
    with pytest.raises(ModelError, match='cannot be loaded'):
        open_engine(request)


@pytest.mark.parametrize('error', [EngineBuildCancelled('no'), ConfigError('no')])
def test_auto_replaces_nothing_when_the_caller_is_why(model, monkeypatch, error):
    monkeypatch.setitem(sys.modules, 'rtformer_ros.engines.tensorrt.engine', FailingEngine(error))
    with pytest.raises(type(error), match='no'):
        open_engine(EngineRequest(model, device='cpu'))


def test_a_named_engine_is_not_explained(model, caplog):
    with caplog.at_level(logging.INFO, logger='rtformer_ros.engines'):
        assert open_engine(EngineRequest(model, 'onnxruntime')).description.engine == 'onnxruntime'
    assert caplog.messages == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'engine': 'tf'}, f"engine is 'tf'; expected auto, {', '.join(engine_names())}"),
        ({'engine': 'torch'}, 'the engine torch runs .safetensors and .pdparams, not m.onnx; '),
        ({'device': 'tpu'}, "device is 'tpu'; expected auto, cpu, cuda or cuda:N"),
        ({'device': 'npu:1'}, 'for OpenVINO, gpu, gpu:N or npu'),
        ({'device': 'cuda:'}, "device is 'cuda:'; expected auto"),
        ({'threads': -1}, 'threads is -1; expected 0 (one core left free) to 256'),
        ({'threads': 100_000}, 'threads is 100000; expected 0 (one core left free) to 256'),
        ({'network_size': (0, 8)}, 'network_size is (0, 8); expected (height, width)'),
        ({'precision': 'int4'}, "precision is 'int4'; expected one of auto, fp32, fp16"),
        (
            {'precision': 'bf16', 'engine': 'onnxruntime'},
            'precision is bf16, but the engine onnxruntime computes in fp32, fp16, int8',
        ),
        ({'precision': 'fp16'}, 'an ONNX file has the precision that it was exported with'),
    ],
)
def test_a_setting_that_cannot_be_is_refused(model, arguments, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        open_engine(EngineRequest(model, **arguments))


@pytest.mark.parametrize('engine', ['auto', *engine_names()])
def test_a_missing_file_is_named(tmp_path, engine):
    with pytest.raises(ModelError, match=r'there is no model file .*gone\.onnx'):
        open_engine(EngineRequest(tmp_path / 'gone.onnx', engine))


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelError, match='there is no model file'):
        open_engine(EngineRequest(tmp_path))


@pytest.mark.parametrize('name', ['model.pth', 'model'])
def test_a_file_of_unknown_kind_is_refused_with_those_known(tmp_path, name):
    (tmp_path / name).write_bytes(b'weights')
    with pytest.raises(
        ModelError, match=rf'no engine runs {name}; .* onnxruntime runs \.onnx; torch'
    ):
        open_engine(EngineRequest(tmp_path / name))


@pytest.mark.parametrize(
    'content',
    [b'', b'not a model at all, only text\n' * 50, b'\x08\x08' + bytes(range(256)), None],
    ids=['empty', 'text', 'noise', 'cut'],
)
def test_a_broken_onnx_file_is_named(model, content):
    model.write_bytes(model.read_bytes()[:-40] if content is None else content)
    with pytest.raises(ModelError, match=r'm\.onnx cannot be loaded as an ONNX model: '):
        open_engine(EngineRequest(model))


@pytest.mark.parametrize('suffix', ['.safetensors', '.pdparams'])
@pytest.mark.parametrize('content', [b'', b'not weights at all, only text\n' * 50])
def test_broken_weights_are_named(tmp_path, suffix, content):
    file = tmp_path / f'weights{suffix}'
    file.write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(str(file))):
        open_engine(EngineRequest(file))


@pytest.mark.parametrize('engine', ['auto', 'onnxruntime'])
def test_cuda_that_is_missing_is_not_replaced_in_silence(model, engine):
    import onnxruntime

    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('this build of ONNX Runtime has CUDA')
    with pytest.raises(EngineUnavailable, match=r'device is cuda:1, but .* onnxruntime-gpu'):
        open_engine(EngineRequest(model, engine, device='cuda:1'))


def test_importing_the_engines_loads_no_heavy_library():
    loaded = python("import sys, rtformer_ros.engines; print(' '.join(sys.modules))").split()
    assert 'rtformer_ros.engines' in loaded
    heavy = {'torch', 'onnxruntime', 'openvino', 'onnx', 'numpy', 'cv2', 'yaml', 'rclpy'}
    assert not heavy & set(loaded)


def test_looking_for_tensorrt_loads_no_heavy_library(model):
    code = (
        'import pathlib, sys, rtformer_ros.engines.tensorrt.engine as engine\n'
        'from rtformer_ros.engines import EngineRequest, needs_build\n'
        'print(needs_build(EngineRequest(pathlib.Path(sys.argv[1]))), *sys.modules)'
    )
    loaded = set(python(code, model).split())
    assert 'rtformer_ros.engines.tensorrt.run.runner' in loaded
    assert not {'torch', 'onnxruntime', 'openvino', 'onnx', 'cv2', 'rclpy'} & loaded


def test_onnx_runtime_alone_is_enough_for_onnx(model):
    code = BLOCKER.format(blocked={'torch', 'onnx', 'openvino', 'rclpy', 'safetensors'}) + (
        'from pathlib import Path\n'
        'from rtformer_ros.engines import EngineRequest, open_engine\n'
        'print(open_engine(EngineRequest(Path(sys.argv[1]))).description.engine)'
    )
    assert python(code, model).strip() == 'onnxruntime'


def test_openvino_alone_is_enough_for_onnx(model):
    code = BLOCKER.format(blocked={'torch', 'onnx', 'onnxruntime', 'rclpy', 'safetensors'}) + (
        'from pathlib import Path\n'
        'from rtformer_ros.engines import EngineRequest, open_engine\n'
        'request = EngineRequest(Path(sys.argv[1]), "openvino", precision="fp32")\n'
        'print(open_engine(request).description.engine)'
    )
    assert python(code, model).strip() == 'openvino'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (
            {'device': 'gpu'},
            'device is gpu, but OpenVINO .* sees only .* here; install the driver',
        ),
        ({'device': 'npu', 'engine': 'openvino'}, '^device is npu, but OpenVINO .* sees only'),
        (
            {'device': 'gpu:1', 'engine': 'onnxruntime'},
            'device is gpu:1, which the engine onnxruntime cannot use; use the engine openvino',
        ),
        (
            {'device': 'gpu', 'engine': 'tensorrt'},
            'the engine tensorrt cannot use; use the engine',
        ),
        (
            {'device': 'cuda', 'engine': 'openvino'},
            'the engine openvino cannot use; use the engine tensorrt or onnxruntime or torch',
        ),
    ],
)
def test_a_device_of_openvino_is_refused_with_what_can_use_it(model, arguments, message):
    """Of a machine that has neither GPU nor NPU of Intel."""
    if {'gpu', 'npu'} & openvino_devices():
        pytest.skip('OpenVINO has a GPU or an NPU here')
    with pytest.raises(EngineUnavailable, match=message):
        open_engine(EngineRequest(model, **arguments))
    assert not needs_build(EngineRequest(model, **arguments))


def openvino_devices():
    import openvino

    return {name.partition('.')[0].lower() for name in openvino.Core().available_devices}


@pytest.mark.parametrize(
    ('engine', 'suffix'),
    [('onnxruntime', '.onnx'), ('openvino', '.onnx'), ('torch', '.safetensors')],
)
@pytest.mark.parametrize('asked', ['auto', 'by name'])
def test_a_missing_library_is_named_with_its_cure(model, engine, suffix, asked):
    code = BLOCKER.format(blocked={'onnxruntime', 'openvino', 'torch'}) + (
        'from pathlib import Path\n'
        'from rtformer_ros.engines import EngineRequest, open_engine\n'
        'from rtformer_ros.errors import EngineUnavailable\n'
        'try:\n'
        '    open_engine(EngineRequest(Path(sys.argv[1]), sys.argv[2]))\n'
        'except EngineUnavailable as error:\n'
        '    print(error)'
    )
    file = model.rename(model.with_suffix(suffix))
    message = python(code, file, 'auto' if asked == 'auto' else engine)
    reason = preference_here(EngineRequest(file)).reason_against
    if engine == 'openvino' and asked == 'auto' and reason:
        # Whoever lacks all of them need not install this one.
        assert reason in message
        assert 'pip install openvino' not in message
        return
    assert f"No module named '{engine}'" in message
    assert re.search(rf"pip install ('numpy<2' )?{engine}", message)
    assert message.startswith('nothing here runs' if asked == 'auto' else f'the engine {engine}')
