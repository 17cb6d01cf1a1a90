# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the real parser and builder refuse becomes an error in their words, and nothing hangs."""

from foreign_onnx import write_raw
import onnx
import pytest
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.deploy.operators.tables import known_operators, types_taken
from rtformer_ros.engines.request import BuildOptions, BuildWatch
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt
from rtformer_ros.engines.tensorrt.build.builder import build_plan
from rtformer_ros.engines.tensorrt.build.progress import BuildReporter
from rtformer_ros.engines.tensorrt.messages import listening, shared_logger
from rtformer_ros.errors import EngineBuildCancelled, EngineBuildError
from rtformer_ros.labels.label_set import LabelSet

OPTIONS = BuildOptions(workspace_mib=256)
SHAPE = ['n', 6, 8, 3]


def build(path, precision='fp32', *, options=OPTIONS, watch=None, timing_cache=b''):
    return build_plan(path, precision, options, watch or BuildWatch(), timing_cache)


@pytest.fixture
def small(exports):
    return exports.get('slim', (96, 128), 'fp32')


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a model of one node after a cast to FP32."""

    def write_(operator, *, kind='FLOAT', shape=SHAPE, domain='', **attributes):
        nodes = [onnx.helper.make_node('Cast', ['image'], ['pixels'], to=onnx.TensorProto.FLOAT)]
        node = onnx.helper.make_node(
            operator, ['pixels'], ['result'], 'the_node', domain=domain, **attributes
        )
        path = tmp_path / 'one.onnx'
        return write_raw(
            path, [('image', 'UINT8', shape)], [*nodes, node], [('result', kind, None)]
        )

    return write_


@pytest.mark.parametrize('damage', ['missing', 'empty', 'noise', 'cut'])
def test_a_damaged_file_is_told(small, tmp_path, damage):
    path = tmp_path / 'damaged.onnx'
    content = small.read_bytes()
    if damage != 'missing':
        path.write_bytes({'empty': b'', 'noise': b'no model' * 99, 'cut': content[:-999]}[damage])
    with pytest.raises(EngineBuildError, match=r'RTX .* cannot read .*damaged\.onnx: '):
        build(path)


def test_an_unknown_operator_is_told_with_its_node(write):
    with pytest.raises(EngineBuildError, match=r'node the_node, Sharpen'):
        build(write('Sharpen', domain='mine'))


def test_an_image_size_that_is_free_is_told(write):
    path = write('Relu', shape=['n', 'h', 8, 3])
    with pytest.raises(EngineBuildError, match=r'input image of .*-1, -1.* only the first axis'):
        build(path)


def test_bytes_inside_of_a_graph_are_refused_and_the_checker_knows_it(bench, tmp_path):
    """ONNX Runtime runs it: the failure is the compiler's, and comes with what is known of it."""
    path = tmp_path / 'bytes.onnx'
    nodes = [
        onnx.helper.make_node('Clip', ['image'], ['brighter'], 'bytes_inside'),
        onnx.helper.make_node('ArgMax', ['brighter'], ['class_map'], axis=3, keepdims=0),
    ]
    write_raw(path, [('image', 'UINT8', SHAPE)], nodes, [('class_map', 'INT64', SHAPE[:3])])
    path.with_suffix('.yaml').write_text('input: {layout: nhwc_uint8}\noutput: class_index\n')
    request = bench.request(path, 'auto', labels=LabelSet.generic(3), precision='fp32')
    with pytest.raises(EngineBuildError, match=r'(?s)RTX .*refuse of this model:.*bytes_inside'):
        bench.prepare(request)
    # Engine auto does not spend the time a second time.
    with pytest.raises(EngineBuildError, match=r'its plan could not be built, \d{4}-'):
        bench.prepare(request)


@pytest.mark.parametrize('kind', ['whole', 'cut', 'noise'])
def test_timings_of_any_kind_end_in_a_plan(small, kind):
    timings = build(small).timing_cache
    given = {'whole': timings, 'cut': timings[: len(timings) // 2], 'noise': b'noise' * 99}[kind]
    assert build(small, timing_cache=given).plan


def test_progress_comes_from_the_builder_itself(small, monkeypatch):
    """What its monitor says; the watch hears of it once a second only."""
    advance = BuildReporter.advance
    phases, percents = [], []

    def note(self, phase, percent):
        advance(self, phase, percent)
        phases.append(phase)
        percents.append(self._percent)

    monkeypatch.setattr(BuildReporter, 'advance', note)
    build(small)
    assert (phases[0], phases[-1], percents[-1]) == ('reading the model', 'compiled', 100)
    assert percents == sorted(percents)
    own = {'reading the model', 'compiling', 'compiled'}
    assert any(0 < percent < 100 for percent in percents)
    assert set(phases) > own


def test_the_builder_ends_when_its_monitor_says_so(small, monkeypatch):
    """Called off at its first step; the watch itself is asked once a second only."""
    advance = BuildReporter.advance
    phases = []

    def advance_and_cancel(self, phase, percent):
        advance(self, phase, percent)
        if phase not in ('reading the model', 'compiling'):
            phases.append(phase)
            self._cancelled = True

    monkeypatch.setattr(BuildReporter, 'advance', advance_and_cancel)
    with pytest.raises(EngineBuildCancelled):
        build(small)
    assert 'compiled' not in phases


def test_a_plan_that_cannot_run_here_is_refused_with_the_reason(small):
    trt = load_tensorrt()
    plan = build(small).plan
    with listening() as messages:
        runtime = trt.Runtime(shared_logger(trt))
        loaded = runtime.deserialize_cuda_engine(plan)
    if loaded is not None:
        pytest.skip('a GPU is here: the refusal without one was not checked')
    assert messages.errors


def test_the_parser_has_every_operator_that_the_checker_passes():
    trt = load_tensorrt()
    builder = trt.Builder(shared_logger(trt))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, shared_logger(trt))
    taken = [name for name in known_operators() if types_taken(name, '10')]
    assert len(taken) > 100
    # TensorRT has this one as a plugin, which TensorRT-RTX has none of.
    assert [name for name in taken if not parser.supports_operator(name)] == ['DeformConv']


TYPES = ('FLOAT', 'FLOAT16', 'INT32', 'INT64', 'UINT8', 'BOOL')


@pytest.mark.parametrize('source', TYPES)
def test_casts_that_the_checker_passes_are_built(tmp_path, source):
    refused = []
    for wanted in TYPES:
        to = getattr(onnx.TensorProto, wanted)
        path = write_raw(
            tmp_path / 'cast.onnx',
            [('image', source, ['n', 4])],
            [onnx.helper.make_node('Cast', ['image'], ['result'], to=to)],
            [('result', wanted, ['n', 4])],
        )
        if check_operators(path):
            continue
        try:
            build(path)
        except EngineBuildError as error:
            refused.append((wanted, str(error)))
    assert refused == []
