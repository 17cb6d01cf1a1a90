# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of the compiler, its caller gets a plan that is right, or hears why not."""

import os
from pathlib import Path
import sys
import tempfile
import textwrap
import time

from compiler_calls import compile_with
from foreign_onnx import write_raw
import onnx
from plan_workbench import other_machine, write_model
import pytest
from rtformer_ros.engines import BuildWatch
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildOutOfMemory,
    EngineError,
    EngineUnavailable,
    ModelError,
)
from rtformer_ros.labels.label_set import LabelSet

# --- what is tried


def test_a_plan_that_is_wrong_is_built_at_a_lower_level(bench, caplog):
    prepared = bench.prepare(wrong=['fp16@3'])
    assert bench.builds() == ['fp16@3', 'fp16@1']
    record = prepared.record
    assert (record.precision, record.optimization_level, record.agreement) == ('fp16', 1, 1.0)
    [note] = record.notes
    assert 'FP16 at optimisation level 3' in note
    assert 'agrees with ONNX Runtime on 0.00% of the pixels' in note
    assert note.split(': ')[1] in caplog.text
    # It lies under what was asked for, so that the next start does not try again.
    assert not bench.prepare().is_new


def test_a_plan_that_is_wrong_in_half_precision_is_built_in_single(bench):
    phases = []
    watch = BuildWatch(lambda progress: phases.append(progress.phase))
    prepared = bench.prepare(bench.request(watch=watch), wrong=['fp16@3', 'fp16@1'])
    assert bench.builds() == ['fp16@3', 'fp16@1', 'fp32@3']
    assert prepared.record.precision == 'fp32'
    assert len(prepared.record.notes) == 2
    assert any(
        phase.startswith('FP32 at optimisation level 3, attempt 3 of 3') for phase in phases
    )


def test_no_plan_that_is_wrong_is_ever_given_out(bench):
    with pytest.raises(EngineBuildError, match=r'model\.onnx; tried: FP16 .* 0\.00% .*FP32 .*99%'):
        bench.prepare(wrong=['*'])
    assert bench.builds() == ['fp16@3', 'fp16@1', 'fp32@3']
    assert list(bench.cache_folder.glob('*.plan*')) == []
    assert list(bench.cache_folder.glob('*.timing')) == []


def test_a_model_with_a_precision_of_its_own_is_tried_in_no_other(bench):
    write_model(bench.model, half=True)
    with pytest.raises(EngineBuildError):
        bench.prepare(wrong=['*'])
    with pytest.raises(EngineBuildError, match='odd'):
        bench.prepare(raises=['EngineBuildError', 'odd'])
    assert bench.builds() == ['typed@3', 'typed@1'] * 2
    assert bench.prepare().record.precision == 'fp16'
    with pytest.raises(ConfigError, match=r'precision is fp32, but .* is FP16'):
        bench.prepare(bench.request(precision='fp32'))


def test_the_lowest_level_has_none_below(bench):
    request = bench.request(precision='fp32', build={'optimization_level': 0})
    with pytest.raises(EngineBuildError):
        bench.prepare(request, wrong=['*'])
    assert bench.builds() == ['fp32@0']


def test_a_graph_that_cannot_be_halved_is_built_in_single_precision(bench):
    shape = ['n', 3, 6, 8]
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node('Identity', ['image'], ['chosen'])],
        'branch',
        [],
        [onnx.helper.make_tensor_value_info('chosen', onnx.TensorProto.FLOAT, shape)],
    )
    nodes = [
        onnx.helper.make_node('Shape', ['image'], ['shape']),
        onnx.helper.make_node('ReduceMin', ['shape'], ['least'], keepdims=0),
        onnx.helper.make_node('Cast', ['least'], ['is_there'], to=onnx.TensorProto.BOOL),
        onnx.helper.make_node(
            'If', ['is_there'], ['logits'], then_branch=branch, else_branch=branch
        ),
    ]
    write_raw(bench.model, [('image', 'FLOAT', shape)], nodes, [('logits', 'FLOAT', shape)])
    bench.model.with_suffix('.yaml').write_text('input: {layout: nchw_float}\noutput: logits\n')
    prepared = bench.prepare(sidecar=str(bench.model.with_suffix('.yaml')))
    assert (prepared.record.precision, bench.builds()) == ('fp32', ['fp32@3'])
    assert 'cannot be brought to FP16' in prepared.record.notes[0]


@pytest.mark.parametrize('wrong', ['together', 'alone'])
def test_calls_of_many_images_and_of_one_are_compared(bench, wrong):
    request = bench.request(build={'max_batch': 4})
    with pytest.raises(EngineBuildError, match=r'agrees with ONNX Runtime on 0\.00%'):
        bench.prepare(request, wrong=[wrong])
    assert bench.prepare(request).record.agreement == 1.0


def test_the_compiler_sees_the_wanted_gpu_first(bench, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    bench.prepare()
    bench.prepare(bench.request(device='cuda:1'), force=True)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,5')
    bench.prepare(bench.request(device='cuda:1'), force=True)
    assert bench.visible_gpus() == ['all', '1', '5']


# --- how it ends


def test_a_compiler_killed_for_memory_gets_a_lower_level_and_no_larger_plan(bench):
    prepared = bench.prepare(dies={'fp16@3': 'SIGKILL'})
    assert bench.builds() == ['fp16@3', 'fp16@1']
    assert 'memory runs out' in prepared.record.notes[0]
    with pytest.raises(EngineBuildError, match=r'lower the workspace \(now 1024 MiB\)'):
        bench.prepare(force=True, dies={'fp16@3': 'SIGKILL', 'fp16@1': 'SIGKILL'})
    assert 'fp32@3' not in bench.builds()
    assert not any(path.parent.exists() for path in bench.compiled_paths())


def test_a_crash_is_told_with_the_last_words(bench):
    dies = dict.fromkeys(['fp16@3', 'fp16@1', 'fp32@3'], 'SIGSEGV')
    with pytest.raises(EngineBuildError, match=r'(?s)while half way \(SIGSEGV\).*cannot go on'):
        bench.prepare(dies=dies, says='kernel 7 cannot go on')
    assert len(bench.builds()) == 3


def test_errors_of_the_compiler_come_back_as_what_they_are(bench):
    with pytest.raises(EngineUnavailable, match=r'^cause and fix$'):
        bench.prepare(raises=['EngineUnavailable', 'cause and fix'])
    assert bench.builds() == ['fp16@3']


def test_an_error_of_the_build_is_told_once(bench):
    with pytest.raises(EngineBuildError) as caught:
        bench.prepare(raises=['EngineBuildError', 'node 5 is odd'])
    assert str(caught.value).count('node 5 is odd') == 1


def test_an_error_of_the_build_tells_what_the_graph_has_that_is_refused(bench):
    # TensorRT has bytes at the edges of a graph only.
    shape = ['n', 6, 8, 3]
    nodes = [
        onnx.helper.make_node('Clip', ['image'], ['brighter'], 'bytes_inside'),
        onnx.helper.make_node('ArgMax', ['brighter'], ['class_map'], axis=3, keepdims=0),
    ]
    outputs = [('class_map', 'INT64', ['n', 6, 8])]
    write_raw(bench.model, [('image', 'UINT8', shape)], nodes, outputs)
    bench.model.with_suffix('.yaml').write_text(
        'input: {layout: nhwc_uint8}\noutput: class_index\n'
    )
    request = bench.request(labels=LabelSet.generic(3), precision='fp32')
    with pytest.raises(EngineBuildError, match=r'odd.*refuse of this model:.*bytes_inside'):
        bench.prepare(request, raises=['EngineBuildError', 'odd'])


@pytest.mark.parametrize(('version', 'is_told'), [('8.6.2', True), ('10.3.0.26', False)])
def test_a_graph_is_held_against_the_release_that_refused_it(bench, version, is_told):
    model = onnx.load(bench.model)
    model.opset_import[0].version = 18
    onnx.save(model, bench.model)
    with pytest.raises(EngineBuildError, match='odd') as caught:
        bench.prepare(
            target=other_machine(tensorrt_version=version), raises=['EngineBuildError', 'odd']
        )
    assert ('it is of opset 18; TensorRT 8.6 takes 7 to 17' in str(caught.value)) == is_told


def test_a_disk_that_is_full_is_told_at_once(bench, monkeypatch):
    monkeypatch.setenv('TMPDIR', str(bench.folder / 'none'))
    monkeypatch.setattr(tempfile, 'tempdir', str(bench.folder / 'none'))
    with pytest.raises(EngineError, match=r'no place for temporary files.*set TMPDIR'):
        bench.prepare()
    assert bench.builds() == []


IN_REAL_COMPILER = (
    'import sys\n{}\nfrom rtformer_ros.engines.tensorrt.build.child import main\nmain()'
)


def with_module(bench, name, code):
    """Return code that puts a module of that content before all others."""
    (bench.folder / f'{name}.py').write_text(code)
    return f'sys.path.insert(0, {str(bench.folder)!r})'


@pytest.mark.parametrize('library', ['onnx', 'onnxruntime'])
def test_libraries_that_building_needs_are_named(bench, library):
    code = IN_REAL_COMPILER.format(
        with_module(bench, library, f'raise ImportError(name={library!r})')
    )
    with pytest.raises(EngineUnavailable, match=rf"but {library} does.* 'numpy<2' onnx onnxrunt"):
        compile_with(bench, [sys.executable, '-c', code])


@pytest.mark.parametrize(
    ('name', 'kind', 'message'),
    [
        ('SIGKILL', EngineBuildOutOfMemory, 'prepares .*model.onnx for TensorRT was killed.*swap'),
        ('SIGSEGV', EngineBuildError, r'prepares .*model.onnx for TensorRT crashed \(SIGSEGV\)'),
    ],
)
def test_the_end_of_the_preparation_is_told(bench, name, kind, message):
    dies = f'import os, signal; os.kill(os.getpid(), signal.{name})'
    code = IN_REAL_COMPILER.format(with_module(bench, 'onnxruntime', dies))
    with pytest.raises(kind, match=message):
        compile_with(bench, [sys.executable, '-c', code])


def test_what_was_prepared_with_is_not_in_memory_when_tensorrt_starts(bench):
    code = """
    import sys
    from rtformer_ros.engines.tensorrt.build.child import serve
    from rtformer_ros.engines.tensorrt.build.steps import CompileSteps
    from rtformer_ros.errors import EngineBuildError

    def build_plan(path, *options):
        children = open('/proc/self/task/' + str(os.getpid()) + '/children').read().split()
        names = [open('/proc/' + each + '/cmdline').read() for each in children]
        loaded = [name for name in ('onnx', 'onnxruntime', 'cv2') if name in sys.modules]
        running = [name for name in names if 'resource_tracker' not in name]
        raise EngineBuildError(f'to compile {path.stat().st_size > 0}: {loaded} {running}')

    import os
    serve(CompileSteps(build_plan, None, None))
    """
    with pytest.raises(EngineBuildError, match=r'to compile True: \[\] \[\]'):
        compile_with(bench, [sys.executable, '-c', textwrap.dedent(code)])


def test_a_build_that_is_called_off_ends_its_preparation(bench):
    noted = bench.folder / 'id'
    sleeps = f'import os, time; open({str(noted)!r}, "w").write(str(os.getpid())); time.sleep(90)'
    code = IN_REAL_COMPILER.format(with_module(bench, 'onnxruntime', sleeps))
    watch = BuildWatch(is_cancelled=lambda: noted.exists() and noted.read_text() != '')
    with pytest.raises(EngineBuildCancelled):
        compile_with(bench, [sys.executable, '-c', code], watch)
    for _ in range(200):
        if not Path(f'/proc/{noted.read_text()}').exists():
            return
        time.sleep(0.05)
    pytest.fail('it outlives its parent')


def test_a_disk_that_fills_up_while_building_is_told(bench):
    no_space = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
"""
    with pytest.raises(EngineError, match=r'File too large.*set TMPDIR') as caught:
        compile_with(bench, [sys.executable, '-c', IN_REAL_COMPILER.format(no_space)])
    # The next attempt would end in the same way.
    assert not isinstance(caught.value, EngineBuildError)


def test_a_foreign_model_may_be_a_link(bench):
    shape = ['n', 6, 8, 3]
    nodes = [onnx.helper.make_node('Cast', ['image'], ['logits'], to=onnx.TensorProto.FLOAT)]
    nodes += [onnx.helper.make_node('ArgMax', ['logits'], ['class_map'], axis=3, keepdims=0)]
    stored = bench.folder / 'store' / '0123.bin'
    stored.parent.mkdir()
    write_raw(stored, [('image', 'UINT8', shape)], nodes, [('class_map', 'INT64', ['n', 6, 8])])
    bench.model.unlink()
    bench.model.symlink_to(stored)
    sidecar = bench.model.with_suffix('.yaml')
    labels = LabelSet.generic(3).to_dict()
    sidecar.write_text(f'input: {{layout: nhwc_uint8}}\noutput: class_index\nlabels: {labels}\n')
    request = bench.request(precision='fp32')
    assert bench.prepare(request, sidecar=str(sidecar)).record.agreement == 1.0


def test_what_libraries_print_disturbs_nobody(bench):
    assert bench.prepare(says='noise of a library', times=20_000).is_new


def test_a_file_that_is_no_model_is_told_before_anything_is_built(bench):
    bench.model.write_bytes(b'no model')
    with pytest.raises(ModelError, match=r'model\.onnx'):
        bench.prepare()
    assert bench.builds() == []


# --- what is said meanwhile


def test_a_silent_build_is_reported_all_the_same(bench):
    heard = []
    go = bench.folder / 'go'

    def report(progress):
        heard.append(progress)
        # A busy machine may be told four times before the compiler has come so far.
        if len(heard) >= 4 and 'half way' in progress.phase:
            go.touch()

    bench.prepare(bench.request(watch=BuildWatch(report)), wait_for=str(go))
    assert len(heard) >= 4
    assert 'half way' in heard[-1].phase
    assert heard[-1].percent == 50
    elapsed = [progress.elapsed_s for progress in heard]
    assert elapsed == sorted(elapsed)


@pytest.mark.parametrize('is_deaf', [False, True], ids=['polite', 'deaf to SIGTERM'])
def test_a_cancelled_build_ends_its_compiler(bench, is_deaf):
    watch = BuildWatch(is_cancelled=lambda: bool(bench.builds()))
    with pytest.raises(EngineBuildCancelled, match='called off'):
        bench.prepare(
            bench.request(watch=watch), wait_for=str(bench.folder / 'never'), deaf=is_deaf
        )
    [compiler_id] = bench.compiler_ids()
    with pytest.raises(ProcessLookupError):
        os.kill(compiler_id, 0)
    assert list(bench.cache_folder.glob('*.plan*')) == []


def test_a_watch_that_fails_ends_the_compiler_too(bench):
    def report(progress):
        if bench.builds():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.prepare(
            bench.request(watch=BuildWatch(report)), wait_for=str(bench.folder / 'never')
        )
    [compiler_id] = bench.compiler_ids()
    with pytest.raises(ProcessLookupError):
        os.kill(compiler_id, 0)
