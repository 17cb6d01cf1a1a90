# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The command line makes plans where a GPU is, and models in FP16 and INT8 anywhere."""

import ctypes.util
import os
from pathlib import Path
import re
import subprocess
import sys
from types import SimpleNamespace

from closed_form_models import brightest_channel, RGB_LABELS
import cv2
from frame_graphs import write_seen_model
import numpy as np
import onnx
import onnxruntime
from plan_workbench import TARGET
import pytest
from rtformer_ros.deploy.graph_precision import precision_of
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache
from rtformer_ros.engines.tensorrt.plans.record import read_record
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.tools.build_engine import __main__ as tool
from rtformer_ros.tools.build_engine import cpu_gain
from rtformer_ros.tools.build_engine.__main__ import main
from rtformer_ros.tools.build_engine.cpu_gain import CpuGain, LEAST_GAIN
from rtformer_ros.tools.build_engine.options import parse_build_engine_options
import yaml


@pytest.fixture
def build(bench):
    """Run the command line with a compiler that stands in for TensorRT; return the exit code."""

    def build_(*arguments, cache=None, **script):
        def prepare(request, force):
            return prepare_plan(
                request,
                target=TARGET,
                cache=cache or PlanCache(bench.cache_folder),
                compiler=bench.compiler(**script),
                force=force,
            )

        return main([str(argument) for argument in arguments], prepare)

    return build_


def run_tool(*arguments, cwd):
    """Run the command line as a user does, on this machine as it is."""
    command = [sys.executable, '-m', 'rtformer_ros.tools.build_engine', *map(str, arguments)]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'ROS_HOME': str(cwd)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def without_gpu():
    if ctypes.util.find_library('cuda'):
        pytest.skip('there is an NVIDIA driver here')


# --- plans


def test_a_plan_is_built_once_and_where_the_node_finds_it(bench, build, capsys):
    assert build(bench.model, '--workspace-mib', '256', '--batch', '2') == 0
    output = capsys.readouterr()
    assert 'FP16 at optimisation level 3' in output.out
    assert 'for TensorRT 10.3.0.26 on Orin' in output.out
    assert 'agrees with ONNX Runtime on 100.00%' in output.out
    assert '0%|' in output.err
    assert not bench.needs_build(bench.request(build={'workspace_mib': 256, 'max_batch': 2}))
    assert build(bench.model, '--workspace-mib', '256', '--batch', '2') == 0
    assert 'was there already (--force builds it again)' in capsys.readouterr().out
    assert build(bench.model, '--workspace-mib', '256', '--batch', '2', '--force') == 0
    assert bench.builds() == ['fp16@3'] * 2


def test_frames_get_a_plan_beside_that_for_images(bench, build, capsys):
    write_seen_model(bench.model)
    assert build(bench.model, '--frames', 'nv12') == 0
    assert capsys.readouterr().out.count('FP16 at optimisation level 3') == 2
    assert not bench.needs_build()
    assert not bench.needs_build(bench.request(frame_encoding='nv12'))


def test_a_copy_of_the_plan_describes_itself(bench, build, tmp_path):
    output = tmp_path / 'copy.engine'
    options = ['--precision', 'fp32', '--optimization-level', '1', '--output', output]
    assert build(bench.model, *options) == 0
    record = read_record(output)
    assert record.describes(output.read_bytes())
    assert (record.precision, record.optimization_level) == ('fp32', 1)
    assert len(record.metadata().labels) == 2
    assert bench.builds() == ['fp32@1']


def test_settings_that_were_given_up_are_told(bench, build, capsys):
    assert build(bench.model, wrong=['fp16@3', 'fp16@1']) == 0
    output = capsys.readouterr().out
    assert 'FP32 at optimisation level 3' in output
    assert output.count('note: FP16') == 2
    assert build(bench.model, '--force', wrong=['*']) == 1
    assert 'at least 99% are expected' in capsys.readouterr().err


def test_a_plan_that_nobody_keeps_is_a_failure(bench, build, capsys, tmp_path):
    (tmp_path / 'file').touch()
    nowhere = PlanCache(tmp_path / 'file' / 'plans')
    assert build(bench.model, cache=nowhere) == 1
    assert 'choose a file for it with --output' in capsys.readouterr().err
    assert build(bench.model, '--output', tmp_path / 'x.plan', cache=nowhere) == 0
    assert read_record(tmp_path / 'x.plan') is not None


def test_without_a_gpu_it_says_what_is_missing(bench, tmp_path):
    without_gpu()
    done = run_tool(bench.model, cwd=tmp_path)
    assert done.returncode == 1
    assert 'libcuda.so.1' in done.stderr
    assert '--gpus all' in done.stderr
    assert 'nothing was made' in done.stderr
    assert '--onnx-only' in done.stderr
    assert 'Traceback' not in done.stderr


# --- models in another precision


@pytest.fixture(scope='module')
def streets(tmp_path_factory):
    """A folder of crops of a street, to calibrate with."""
    folder = tmp_path_factory.mktemp('streets')
    photo = cv2.imread(str(Path(__file__).parents[3] / 'samples' / 'leuven_a.jpg'))
    for index in range(4):
        cv2.imwrite(str(folder / f'{index}.png'), photo[10 * index : 400 + 10 * index])
    return folder


def class_map_of(model, image_hwc):
    session = onnxruntime.InferenceSession(str(model), providers=['CPUExecutionProvider'])
    return session.run(['class_map'], {'image': image_hwc[np.newaxis]})[0][0]


def test_a_model_in_half_precision_is_made_anywhere(tmp_path):
    model, output = find_model(''), tmp_path / 'half.onnx'
    done = run_tool(model, '--onnx-only', '--output', output, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f'wrote {output}: FP16' in done.stdout
    changed = onnx.load(output)
    assert precision_of(changed) == 'fp16'
    properties = {entry.key: entry.value for entry in changed.metadata_props}
    original = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    assert ModelMetadata.from_properties(properties) == ModelMetadata.from_properties(original)
    photo = cv2.imread(str(Path(__file__).parents[3] / 'samples' / 'leuven_b.jpg'))
    image = np.ascontiguousarray(cv2.resize(photo, (480, 360))[..., ::-1])
    same = (class_map_of(output, image) == class_map_of(model, image)).mean()
    assert same >= 0.995
    share = float(done.stdout.split(' on ')[1].split('%')[0])
    assert share >= 99.5


def test_a_quantised_model_is_made_and_what_it_loses_is_told(tmp_path, streets):
    without_gpu()
    options = ['--precision', 'int8', '--calibration', streets, '--calibration-limit', '2']
    output = tmp_path / 'plan.engine'
    done = run_tool('', *options, '--output', output, cwd=tmp_path)
    made = tmp_path / f'{find_model("").stem}_int8.onnx'
    assert done.returncode == 1
    assert f'wrote {made}: INT8, calibrated on 2 images' in done.stdout
    assert f'of the pixels of 2 images of {streets}, calibrated on' in done.stdout
    assert f'{made} is made, but no plan of it' in done.stderr
    assert not output.exists()
    changed = onnx.load(made)
    assert precision_of(changed) == 'int8'
    assert any(entry.key == 'rtformer_ros.labels' for entry in changed.metadata_props)


def test_a_quantised_model_for_tensorrt_8_has_nothing_that_it_refuses(tmp_path, streets):
    options = ['--onnx-only', '--precision', 'int8', '--calibration', streets]
    made = {}
    for target in ('tensorrt', 'tensorrt8'):
        made[target] = tmp_path / f'{target}.onnx'
        how = ['--calibration-limit', '1', '--for', target, '--output', made[target]]
        done = run_tool('', *options, *how, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert ('INT8, the rest FP32 for TensorRT 8, cal' in done.stdout) == (target[-1] == '8')
    assert check_operators(made['tensorrt8'], '8.6') == []
    assert check_operators(made['tensorrt'], '10') == []
    [advice] = {each.advice for each in check_operators(made['tensorrt'], '8.6') if each.operator}
    assert advice.endswith('(build_engine --precision int8 --for tensorrt8)')


@pytest.mark.parametrize(('version', 'rest'), [('8.6.2', 'fp32'), ('10.3.0', 'fp16')])
def test_a_quantised_model_is_made_for_the_tensorrt_that_is_here(monkeypatch, version, rest):
    options = parse_build_engine_options(['m.onnx', '--precision', 'int8', '--calibration', '.'])
    assert tool._rest(options) == 'fp16', 'without any'
    bindings = SimpleNamespace(__name__='tensorrt', __version__=version)
    monkeypatch.setattr(tool, 'load_tensorrt', lambda: bindings)
    assert tool._rest(options) == rest


def test_a_quantised_model_for_cpus_is_made_compared_and_opened_by_openvino_too(tmp_path, streets):
    model = tmp_path / 'street.onnx'
    model.write_bytes(find_model('').read_bytes())
    options = ['--precision', 'int8', '--for', 'cpu', '--calibration', streets]
    done = run_tool(model, '--onnx-only', *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = tmp_path / 'street_int8_cpu.onnx'
    assert f'wrote {made}: INT8 for CPUs, calibrated on 4 images' in done.stdout
    assert f'of the pixels of 4 images of {streets}, calibrated on' in done.stdout
    gain = re.search(r'([\d.]+) times as fast on this CPU \(.+\): .* ONNX Runtime', done.stdout)
    assert ('warning: INT8 is no gain' in done.stderr) == (float(gain[1]) < LEAST_GAIN)
    for engine in ('onnxruntime', 'openvino'):
        opened = open_engine(EngineRequest(model, engine, device='cpu', precision='int8'))
        assert opened.description.model == made
        assert opened.description.labels.name == 'camvid'
        opened.close()


def test_int8_that_is_no_gain_here_is_a_warning(tmp_path, streets, capsys, monkeypatch):
    monkeypatch.setattr(cpu_gain, 'measure_cpu_gain', lambda *_: CpuGain(21.0, 20.0))
    options = ['--onnx-only', '--precision', 'int8', '--for', 'cpu', '--calibration-limit', '1']
    output = ['--calibration', str(streets), '--output', str(tmp_path / 'model.onnx')]
    assert main(['', *options, *output]) == 0
    came = capsys.readouterr()
    assert 'model.onnx is 1.05 times as fast on this CPU' in came.out
    assert '20.0 instead of 21.0 ms of CPU time a frame' in came.out
    assert 'warning: INT8 is no gain on this machine' in came.err


def test_scores_before_and_after_are_those_of_a_count_by_hand(tmp_path):
    model = brightest_channel(tmp_path / 'rgb.onnx', 48, 64)
    for name in ('images', 'labels'):
        (tmp_path / 'val' / name).mkdir(parents=True)
    (tmp_path / 'labels.yaml').write_text(yaml.safe_dump(RGB_LABELS.to_dict()))
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 200
    image[:, 32:] = (0, 200, 0)
    truth = np.zeros((48, 64), np.uint8)
    truth[:, 16:] = 1
    cv2.imwrite(str(tmp_path / 'val/images/0.png'), image[..., ::-1])
    cv2.imwrite(str(tmp_path / 'val/labels/0.png'), truth)
    scoring = ['--dataset', 'folder', '--root', tmp_path]
    done = run_tool(model, '--onnx-only', *scoring, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # Red: 16 of 32 columns are right, green: 32 of 48.
    expected = f'{(16 / 32 + 32 / 48) / 2:.2%}'
    assert f'{expected} before, {expected} after (+0.00 points)' in done.stdout


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--precision', 'int8'], 'needs --calibration FOLDER'),
        (['--precision', 'int8', '--calibration', 'nowhere'], 'there is no folder nowhere'),
        (['--precision', 'int8', '--calibration', '.'], 'holds no picture'),
        (['--calibration', '.'], '--calibration is for --precision int8'),
        (['--for', 'cpu', '--precision', 'int8'], 'add --onnx-only --precision int8'),
        (['--for', 'cpu', '--onnx-only'], 'add --onnx-only --precision int8'),
        (['--onnx-only', '--precision', 'fp32'], 'makes models in FP16 or INT8'),
        (['--onnx-only', '--output', 'x.engine'], 'expected a name that ends in .onnx'),
        (['--onnx-only', '--output', 'model.onnx'], 'is the model itself'),
        (['--output', 'x.onnx'], 'expected a name that ends in .engine or .plan'),
        (['--optimization-level', '6'], 'optimization_level is 6'),
        (['--batch', '0'], 'max_batch is 0'),
        (['--frames', 'nv12', '--output', 'x.plan'], '--frames makes a second plan'),
        (['--size', '360'], 'expected HEIGHTxWIDTH'),
        (['--dataset', 'camvid'], '--dataset and --root belong together'),
        (['--onnx-only', '--dataset', 'camvid', '--root', 'nowhere'], 'nowhere'),
    ],
)
def test_options_that_cannot_be_are_told(
    bench, build, capsys, monkeypatch, tmp_path, arguments, message
):
    (tmp_path / 'empty').mkdir()
    monkeypatch.chdir(tmp_path / 'empty')
    os.link(bench.model, 'model.onnx')
    assert build('model.onnx', *arguments) == 1
    assert message in capsys.readouterr().err
    assert bench.builds() == []
    assert [path.name for path in Path.cwd().iterdir()] == ['model.onnx']


def test_a_model_that_is_missing_or_no_onnx_is_told(build, capsys, tmp_path):
    assert build('no_such.onnx') == 1
    assert "there is no model file 'no_such.onnx'" in capsys.readouterr().err
    (tmp_path / 'weights.safetensors').touch()
    assert build(tmp_path / 'weights.safetensors') == 1
    assert 'export it first' in capsys.readouterr().err
