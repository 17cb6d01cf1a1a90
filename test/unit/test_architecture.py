# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The house rules that no linter knows: who may import whom, and how large things get."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
import re
import subprocess
import sys

import pytest
import structure

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = structure.read_package(REPOSITORY)
IMPORTS = structure.own_imports(MODULES)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 52
MAX_FOLDER_MODULES = 12
SMALL_FILE_LINES = 62  # the two of the header among them
# Small files with a single importer (or none) that stay apart.
SMALL_BUT_APART = {
    'deploy.quantised.quantisable_convolutions': 'a concept',
    'files.fastdds_profile': 'set by launch files, too',
    'network.families.boundary.semantic_diffusion': 'a concept',
    'network.families.ddrnet.weights': 'a concept',
    'network.families.feed_forward': 'a concept',
    'network.quantisation.parallel.group_quantiser': 'a concept',
    'network.quantisation.parallel.parallel_block': 'a concept',
    'network.trained_network': 'what the package opens files with',
    'ros.interface.region_parameters': 'rows of a table',
    'ros.output.coverage': 'a converter, one row of a table',
    'ros.output.scan': 'a converter, one row of a table',
    'ros.process.callback_group': 'fits any node',
    'ros.process.log_bridge': 'fits any node',
    'ros.programs.segmentation_node': 'an executable',
    'ros.web.__main__': 'an executable',
    'stream.batch_gain': 'a concept',
    'stream.rate_limit': 'a concept',
    'tools.compare_networks.chart': 'a concept',
    'tools.compare_networks.operations': 'a concept',
    'training.datasets.ade20k': 'a reader, one row of a table',
    'training.datasets.cityscapes': 'a reader, one row of a table',
    'training.datasets.cocostuff': 'a reader, one row of a table',
    'training.datasets.image_label_folders': 'a reader, one row of a table',
    'training.run.curves': 'a concept',
    'training.run.initial_weights': 'a concept',
    'training.run.quantised_start': 'a concept',
    'training.run.step_clock': 'a concept',
    'training.run.stop_request': 'a concept',
    'training.tasks.validation': 'a concept',
}
TOP_MODULES = {'errors', 'model_metadata', 'segmentation', 'segmenter'}

ROS_MODULES = ('rclpy', 'cv_bridge', 'builtin_interfaces', 'rcl_interfaces', 'tf2_ros')

# Heavy or optional: kept out of whatever does not need them, so only these excuse an import in a
# function, be it of the library or of a module of ours that cannot be loaded without it.
LAZY_LIBRARIES = frozenset(
    {
        'aiohttp',
        'apsw',
        'av',
        'backports',
        'compression',
        'cuda',
        'cv2',
        'cv_bridge',
        'lz4',
        'matplotlib',
        'onnx',
        'onnxruntime',
        'pycocotools',
        'openvino',
        'ray',
        'rosbags',
        'safetensors',
        'tensorboardX',
        'tensorrt',
        'tf2_ros',
        'torch',
        'tqdm',
        'vision_msgs',
        'yaml',
    }
)
LATE_IMPORTER = 'rtformer_ros.ros.programs.segmentation_node'
"""Sets up the process's memory before its imports, whose libraries start threads."""

# What a robot's node may not load before it is asked for.
HEAVY_MODULES = (
    'torch',
    'tensorrt',
    'onnxruntime',
    'openvino',
    'onnx',
    'cv2',
    'rclpy',
    'rosbags',
    'av',
)

VALUES = frozenset({'errors', 'files', 'processes', 'labels', 'segmentation', 'model_metadata'})
PARTS = VALUES | {'imaging', 'geometry', 'media', 'drawing', 'stream'}
# Room -> the rooms that it may import beside itself.
ALLOWED = {
    'errors': frozenset[str](),
    'files': frozenset({'errors'}),
    'processes': frozenset[str](),
    'segmentation': frozenset({'errors'}),
    'labels': frozenset({'errors', 'files', 'segmentation'}),
    'model_metadata': VALUES,
    'imaging': frozenset({'errors'}),
    'geometry': VALUES,
    'stream': VALUES,
    'drawing': VALUES | {'imaging', 'geometry'},
    'media': VALUES | {'imaging'},
    'network': VALUES,
    'deploy': VALUES | {'imaging', 'network'},
    'engines': VALUES | {'imaging', 'network', 'deploy'},
    'segmenter': VALUES | {'imaging', 'engines'},
    'bags': PARTS | {'engines', 'segmenter'},
    'training': VALUES | {'imaging', 'drawing', 'network', 'deploy'},
    'evaluation': VALUES | {'drawing', 'network', 'training'},
    'ros.interface': PARTS | {'engines', 'segmenter'},
    'ros.input': PARTS | {'ros.interface'},
    'ros.frames': PARTS | {'engines', 'segmenter', 'ros.interface'},
    'ros.output': PARTS | {'engines', 'segmenter', 'ros.interface', 'ros.input', 'ros.frames'},
    'ros.model': PARTS | {'engines', 'segmenter', 'ros.interface', 'ros.frames'},
    'ros.process': VALUES,
    'ros.node': PARTS
    | {'engines', 'segmenter', 'ros.interface', 'ros.input', 'ros.frames', 'ros.output'}
    | {'ros.model', 'ros.process'},
    'ros.programs': PARTS
    | {'engines', 'segmenter', 'ros.interface', 'ros.input', 'ros.process', 'ros.node'},
    'ros.web': PARTS | {'ros.interface', 'ros.input', 'ros.process'},
    'tools': PARTS
    | {'network', 'deploy', 'engines', 'segmenter', 'bags', 'training', 'evaluation'},
}


def room(module: str) -> str:
    """Return the room of a module: its place at the top, or its room of ros."""
    parts = module.split('.')[1:]
    return '.'.join(parts[:2]) if parts[:1] == ['ros'] else '.'.join(parts[:1])


def function_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of all that is imported inside functions."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.lineno, node.module or ''


def load_time_imports(module: structure.Module) -> set[str]:
    """Return what loading a module imports at once: neither functions nor type checking."""
    found = set()
    for node in ast.parse(module.path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or '', *(f'{node.module}.{each.name}' for each in node.names)}
    return found


def lazy_libraries_of(name: str, seen: set[str]) -> set[str]:
    """Return the libraries of LAZY_LIBRARIES that a module of ours cannot be loaded without."""
    seen.add(name)
    found: set[str] = set()
    for each in load_time_imports(MODULES[name]):
        if each in MODULES and each not in seen:
            found |= lazy_libraries_of(each, seen)
        found |= {each.split('.')[0]} & LAZY_LIBRARIES
    return found


@pytest.mark.parametrize('name', sorted(MODULES))
def test_imports_point_one_way(name: str) -> None:
    if room(name) not in ALLOWED:
        # the package itself and ros are doors without a room behind them
        assert name in ('rtformer_ros', 'rtformer_ros.ros')
        assert IMPORTS[name] == set()
        return
    targets = {room(target) for target in IMPORTS[name] - {'rtformer_ros', 'rtformer_ros.ros'}}
    wrong = targets - ALLOWED[room(name)] - {room(name)}
    assert not wrong, f'{room(name)} may import {sorted(ALLOWED[room(name)])}'


def test_imports_have_no_circle() -> None:
    assert structure.circles(IMPORTS) == []


def test_a_circle_would_be_found() -> None:
    graph = {'a': {'b'}, 'b': {'c'}, 'c': {'b'}, 'd': {'a', 'd'}}
    assert sorted(structure.circles(graph)) == [['b', 'c'], ['d']]


@pytest.mark.parametrize('name', sorted(MODULES.keys() - {LATE_IMPORTER}))
def test_imports_in_functions_keep_a_heavy_library_out(name: str) -> None:
    tree = ast.parse(MODULES[name].path.read_text())
    needless = [
        f'line {line}: {target}'
        for line, target in function_imports(tree)
        if target.split('.')[0] not in LAZY_LIBRARIES
        and not (target in MODULES and lazy_libraries_of(target, set()))
    ]
    assert needless == []


def test_every_lazy_library_is_one_that_the_package_uses() -> None:
    texts = '\n'.join(module.path.read_text() for module in MODULES.values())
    unused = {
        name
        for name in LAZY_LIBRARIES
        # 'import x', 'from x import', import_module('x'), import_module('x.y')
        if not re.search(rf"(import|from) {name}\b|'{name}['.]", texts)
    }
    assert unused == set()


@pytest.mark.parametrize('name', sorted(MODULES))
def test_only_the_ros_folder_knows_ros(name: str) -> None:
    roots = {each.split('.')[0] for each in MODULES[name].imports}
    found = {root for root in roots if root in ROS_MODULES or root.endswith('_msgs')}
    assert not found or name.startswith('rtformer_ros.ros.')


@pytest.mark.parametrize('name', sorted(MODULES))
def test_files_and_functions_stay_short(name: str) -> None:
    module = MODULES[name]
    assert module.lines <= MAX_FILE_LINES
    assert [each for each in module.functions if each[1] > MAX_FUNCTION_LINES] == []


def test_small_files_have_two_importers_or_a_reason() -> None:
    importers = Counter(target for targets in IMPORTS.values() for target in targets)
    small = {
        name.removeprefix('rtformer_ros.')
        for name, module in MODULES.items()
        if module.lines < SMALL_FILE_LINES and importers[name] < 2 and not module.is_package
    }
    assert small == SMALL_BUT_APART.keys()


def test_folders_stay_small() -> None:
    sizes = structure.folder_sizes(MODULES)
    assert {each: n for each, n in sizes.items() if n > MAX_FOLDER_MODULES} == {}
    folders = Counter(path.parent for path in (REPOSITORY / 'test').rglob('*.py'))
    assert {str(each): n for each, n in folders.items() if n > MAX_FOLDER_MODULES} == {}


def test_few_modules_lie_at_the_top() -> None:
    assert {
        n.split('.')[1] for n in MODULES if n.count('.') == 1 and not MODULES[n].is_package
    } == (TOP_MODULES)


def test_every_package_says_what_lives_in_it() -> None:
    for module in MODULES.values():
        if module.is_package:
            text = ast.get_docstring(ast.parse(module.path.read_text())) or ''
            assert len(text.split()) >= 5, module.name


def test_no_public_name_is_defined_twice() -> None:
    assert structure.repeated_names(MODULES) == {}


def test_importing_the_packages_loads_no_heavy_library() -> None:
    packages = [module.name for module in MODULES.values() if module.is_package]
    assert 'rtformer_ros.engines' in packages
    code = (
        'import importlib, sys\n'
        f'for name in {packages}: importlib.import_module(name)\n'
        f'print(sorted(set({HEAVY_MODULES}) & set(sys.modules)))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == '[]'


@pytest.mark.parametrize('missing', ['torch', 'rclpy', 'onnxruntime', 'openvino'])
def test_the_package_imports_without(missing: str) -> None:
    code = (
        f'import sys; sys.modules[{missing!r}] = None; import rtformer_ros, rtformer_ros.engines'
    )
    subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, check=True)
