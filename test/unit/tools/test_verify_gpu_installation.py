# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What an installation lacks is told item by item, each with what mends it."""

import os
from pathlib import Path
import sys
from types import SimpleNamespace

import pytest
from rtformer_ros.engines.tensorrt import device
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.memory import Memory
from rtformer_ros.errors import EngineUnavailable
from rtformer_ros.tools.verify_gpu import __main__ as verify_gpu
from rtformer_ros.tools.verify_gpu import installation
from rtformer_ros.tools.verify_gpu.installation import check_installation

NAMES = ['GPU', 'Python', 'TensorRT', 'CUDA', 'numpy', 'onnx', 'onnxruntime', 'tqdm', 'memory']
OWN = f'{sys.version_info.major}.{sys.version_info.minor}'
VERSIONS = {'numpy': '1.26.4', 'onnx': '1.19.1', 'onnxruntime': '1.23.2', 'tqdm': '4.70.1'}


def unavailable(message):
    def fail(*_):
        raise EngineUnavailable(message)

    return fail


@pytest.fixture
def orin(tmp_path, monkeypatch):
    """Simulate a Jetson Orin Nano on which all is as it should be; return what may be changed."""
    clocks = tmp_path / 'gpu'
    clocks.mkdir()
    for name in ('min', 'max'):
        (clocks / f'{name}_freq').write_text('1020000000\n')
    (tmp_path / f'lib/python{OWN}/dist-packages/tensorrt').mkdir(parents=True)
    (tmp_path / 'nvpmodel').write_text('#!/bin/sh\necho "NV Power Mode: $(cat $0.mode)"; echo 2\n')
    (tmp_path / 'nvpmodel').chmod(0o755)
    (tmp_path / 'nvpmodel.mode').write_text('MAXN_SUPER')
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    modules = dict(VERSIONS)
    monkeypatch.setattr(device, 'find_gpu', lambda: Gpu('Orin', '8.7', 8))
    trt = SimpleNamespace(__name__='tensorrt', __version__='10.3.0', __file__='/usr/lib/trt.py')
    for name, value in {
        'load_tensorrt': lambda: trt,
        'open_cuda': lambda index: SimpleNamespace(library='libcudart 12.6', close=lambda: None),
        'import_module': lambda name: SimpleNamespace(__version__=modules[name]),
        'read_memory': lambda: Memory(7619, 4595, 8191),
        'gpu_clock_folder': lambda: clocks,
        'NUMPY_2_PYTHON': (9, 0),
        '_SYSTEM_BINDINGS': f'{tmp_path}/lib/python3.*/dist-packages/tensorrt',
    }.items():
        monkeypatch.setattr(installation, name, value)
    return SimpleNamespace(folder=tmp_path, modules=modules, clocks=clocks)


def items():
    return {item.name: item for item in check_installation()}


def test_an_installation_that_is_whole_needs_nothing(orin, capsys):
    found = items()
    assert list(found) == [*NAMES, 'plan cache', 'power mode', 'GPU clock']
    assert [item.fix for item in found.values() if item.fix] == []
    assert found['TensorRT'].found == '10.3.0 (/usr/lib/trt.py)'
    assert found['CUDA'].found == 'through libcudart 12.6'
    assert found['power mode'].found == 'MAXN_SUPER'
    assert verify_gpu.main(['--check']) == 0
    printed = capsys.readouterr().out
    assert 'ok       GPU          Orin (compute capability 8.7, 8 multiprocessors)' in printed


@pytest.mark.parametrize(
    ('name', 'function', 'message'),
    [
        ('TensorRT', 'load_tensorrt', 'TensorRT is not installed: apt-get install it'),
        ('CUDA', 'open_cuda', 'libcudart does not load: apt-get install nvidia-jetpack'),
    ],
)
def test_what_is_missing_is_told_with_its_fix(orin, monkeypatch, capsys, name, function, message):
    monkeypatch.setattr(installation, function, unavailable(message))
    assert items()[name].is_missing
    assert verify_gpu.main(['--check']) == 1
    lines = capsys.readouterr().out.splitlines()
    [index] = [i for i, line in enumerate(lines) if 'MISSING' in line]
    assert lines[index].split()[1] == name
    assert lines[index + 1].strip() == f'-> {message}'


def test_no_gpu_is_an_item_and_the_others_are_told_all_the_same(orin, monkeypatch, capsys):
    monkeypatch.setattr(device, 'find_gpu', unavailable('no NVIDIA driver here'))
    found = items()
    assert (found['GPU'].is_missing, found['GPU'].fix) == (True, 'no NVIDIA driver here')
    assert not found['onnx'].fix
    assert verify_gpu.main([]) == 1
    streams = capsys.readouterr()
    assert 'ok       onnx' in streams.out
    assert streams.err.startswith('verify_gpu: there is no GPU to verify: no NVIDIA driver here')


def test_a_tensorrt_for_another_python_is_told(orin):
    (orin.folder / f'lib/python{OWN}').rename(orin.folder / 'lib/python3.9')
    item = items()['Python']
    assert item.is_missing
    assert 'is for Python 3.9: use /usr/bin/python3.9, or a venv' in item.fix


def test_numpy_2_breaks_the_messages_of_ros(orin, monkeypatch):
    orin.modules['numpy'] = '2.2.6'
    item = items()['numpy']
    assert item.is_missing
    assert "pip install 'numpy<2' onnx" in item.fix
    monkeypatch.setattr(installation, 'NUMPY_2_PYTHON', sys.version_info[:2])
    assert not items()['numpy'].fix


@pytest.mark.parametrize(('name', 'is_needed'), [('onnx', True), ('tqdm', False)])
def test_a_library_that_does_not_load_is_told(orin, monkeypatch, name, is_needed):
    real = installation.import_module

    def import_module(wanted):
        if wanted == name:
            raise ImportError(f'No module named {wanted!r}')
        return real(wanted)

    monkeypatch.setattr(installation, 'import_module', import_module)
    item = items()[name]
    assert f"does not load (No module named '{name}')" in item.found
    assert (bool(item.fix), item.is_missing) == (True, is_needed)


def test_what_costs_speed_is_no_reason_to_fail(orin, monkeypatch):
    monkeypatch.setattr(installation, 'read_memory', lambda: Memory(7619, 900, 0))
    (orin.folder / 'nvpmodel.mode').write_text('15W')
    (orin.clocks / 'min_freq').write_text('306000000\n')
    found = items()
    assert 'sudo swapon /swapfile' in found['memory'].fix
    assert 'sudo nvpmodel -m 0' in found['power mode'].fix
    assert found['GPU clock'].found == '306 to 1020 MHz'
    assert found['GPU clock'].fix.endswith('sudo jetson_clocks')
    assert verify_gpu.main(['--check']) == 0


def test_off_a_jetson_there_are_neither_modes_nor_clocks(orin, monkeypatch):
    (orin.folder / 'nvpmodel').unlink()
    monkeypatch.setattr(installation, 'gpu_clock_folder', lambda: None)
    assert list(items()) == [*NAMES, 'plan cache']


def test_a_full_disk_is_told(orin, monkeypatch):
    usage = SimpleNamespace(free=10 << 20)
    monkeypatch.setattr(installation.shutil, 'disk_usage', lambda path: usage)
    item = items()['plan cache']
    assert item.found == f'{orin.folder}/rtformer_ros/plans, 10 MiB free'
    assert item.fix.startswith('free space there')


def test_nothing_is_made_by_looking(orin):
    before = sorted(Path(orin.folder).rglob('*'))
    items()
    assert sorted(Path(orin.folder).rglob('*')) == before
