"""The house rules that no linter knows: who may import whom, and how large things get."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / 'rtformer_ros'
MODULES = sorted(PACKAGE.rglob('*.py'))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

ROS_MODULES = ('rclpy', 'cv_bridge', 'builtin_interfaces', 'rcl_interfaces')
HEAVY_MODULES = ('torch', 'tensorrt', 'onnxruntime', 'onnx', 'cv2', 'rclpy', 'rosbags', 'av')

VALUES = frozenset({'errors', 'labels', 'segmentation', 'model_metadata', 'files'})
PARTS = VALUES | {'imaging', 'geometry', 'media', 'drawing', 'stream'}
# Layer -> the layers it may import.
ALLOWED = {
    'rtformer_ros': frozenset[str](),
    'errors': frozenset({'errors'}),
    'files': frozenset({'errors', 'files'}),
    'labels': VALUES,
    'segmentation': VALUES,
    'model_metadata': VALUES,
    'imaging': frozenset({'errors', 'imaging'}),
    'geometry': VALUES | {'geometry'},
    'drawing': VALUES | {'imaging', 'geometry', 'drawing'},
    'stream': VALUES | {'imaging', 'stream'},
    'media': PARTS,
    'network': VALUES | {'network'},
    'deploy': PARTS | {'network', 'deploy'},
    'engines': PARTS | {'network', 'deploy', 'engines'},
    'segmenter': PARTS | {'engines', 'segmenter'},
    'bags': PARTS | {'engines', 'segmenter', 'bags'},
    'training': PARTS | {'network', 'training'},
    'evaluation': PARTS | {'network', 'training', 'evaluation'},
    'ros': PARTS | {'engines', 'segmenter', 'ros'},
    'tools': PARTS
    | {'network', 'deploy', 'engines', 'segmenter', 'bags', 'training', 'evaluation', 'tools'},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def layer(module: str) -> str:
    return module.split('.')[1] if '.' in module else module


def imports(path: Path) -> Iterator[str]:
    """All that a file imports, wherever in it, but for what only the type checker reads."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            yield node.module or ''
            # 'from rtformer_ros.x import y' may mean the module rtformer_ros.x.y
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def own_imports(path: Path) -> set[str]:
    known = {module_name(each) for each in MODULES}
    return {name for name in imports(path) if name in known and name != 'rtformer_ros'}


@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    own_layer = layer(module_name(path))
    wrong = {name for name in own_imports(path) if layer(name) not in ALLOWED[own_layer]}
    assert not wrong, f'{own_layer} may import {sorted(ALLOWED[own_layer])}'


def test_imports_have_no_circle() -> None:
    graph = {module_name(path): own_imports(path) - {module_name(path)} for path in MODULES}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(order) >= set(graph)


@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_only_the_ros_folder_knows_ros(path: Path) -> None:
    roots = {name.split('.')[0] for name in imports(path)}
    found = {root for root in roots if root in ROS_MODULES or root.endswith('_msgs')}
    assert not found or layer(module_name(path)) == 'ros'


@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    lengths = {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_importing_the_packages_loads_no_heavy_library() -> None:
    packages = [module_name(path) for path in MODULES if path.name == '__init__.py']
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


@pytest.mark.parametrize('missing', ['torch', 'rclpy', 'onnxruntime'])
def test_the_package_imports_without(missing: str) -> None:
    code = f'import sys; sys.modules[{missing!r}] = None; import rtformer_ros, rtformer_ros.engines'
    subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, check=True)
