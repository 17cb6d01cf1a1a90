"""The rooms of rtformer_ros.ros import each other one way, wherever in a file an import stands."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
ROS = REPOSITORY / 'rtformer_ros' / 'ros'
PACKAGE = 'rtformer_ros.ros'

# Room -> the others that it may import.
ALLOWED = {
    'interface': set(),
    'process': set(),
    'input': {'interface'},
    'frames': {'interface'},
    'output': {'interface', 'input', 'frames'},
    'model': {'interface', 'input', 'frames'},
    'node': {'interface', 'input', 'frames', 'output', 'model', 'process'},
    'programs': {'interface', 'input', 'frames', 'output', 'model', 'node', 'process'},
}


def module_name(path: Path) -> str:
    return '.'.join(path.relative_to(REPOSITORY).with_suffix('').parts).removesuffix('.__init__')


def room(module: str) -> str:
    return module.removeprefix(f'{PACKAGE}.').split('.')[0]


MODULES = {module_name(path): path for path in sorted(ROS.glob('*/*.py'))}


def imports(path: Path) -> set[str]:
    """Return the modules of other files of ros/ that a file imports, for the type checker too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return found & MODULES.keys()


def test_every_room_has_its_rule():
    assert {room(name) for name in MODULES} == ALLOWED.keys()


@pytest.mark.parametrize('name', MODULES)
def test_a_room_imports_only_those_below_it(name):
    others = {room(imported) for imported in imports(MODULES[name])} - {room(name)}
    assert others <= ALLOWED[room(name)]


def test_no_files_import_each_other_in_a_circle():
    graph = {name: imports(path) - {name} for name, path in MODULES.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(order) == MODULES.keys()
