# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Measure the floor plan of the package: folders, arrows, circles, sizes.

    python3 scripts/structure.py [--against REVISION] [--list]

Prints one table, with a second column for a revision of git. Every import counts: those inside
functions and those that only the type checker reads, too. Needs only Python's own library.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter, defaultdict
from dataclasses import dataclass
import io
from pathlib import Path
from statistics import median
import subprocess
import sys
import tarfile
import tempfile

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'rtformer_ros'
SMALL_FILE_LINES = 60


@dataclass(frozen=True)
class Module:
    """
    One file of the package.

    name: dotted, from the package on; a package's own __init__ has its package's name. imports:
    names of all modules that it imports, of any package. functions: lines of each, by name.
    public_names: of classes and type aliases at its top level.
    """

    name: str
    path: Path
    is_package: bool
    lines: int
    imports: frozenset[str]
    functions: tuple[tuple[str, int], ...]
    public_names: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Return the dotted name of the folder that the file lies in."""
        return self.name if self.is_package else self.name.rpartition('.')[0]


def read_package(root: Path) -> dict[str, Module]:
    """Return the modules of the package below a folder, by name."""
    modules = (_read(path, root) for path in sorted((root / PACKAGE).rglob('*.py')))
    return {module.name: module for module in modules}


def own_imports(modules: dict[str, Module]) -> dict[str, set[str]]:
    """Return for each module those of the same package that it imports."""
    return {name: {m for m in each.imports if m in modules} for name, each in modules.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules of which each reaches all others (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group: list[str] = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1 or node in graph[node]:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def folder_sizes(modules: dict[str, Module]) -> dict[str, int]:
    """Return how many modules each folder holds, its __init__ not counted."""
    return dict(Counter(each.folder for each in modules.values() if not each.is_package))


def repeated_names(modules: dict[str, Module]) -> dict[str, list[str]]:
    """Return the public names of classes and type aliases that several modules define."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in modules.values():
        for name in module.public_names:
            homes[name].append(module.name)
    return {name: places for name, places in sorted(homes.items()) if len(places) > 1}


def room(name: str) -> str:
    """Return the place at the top of the package that a module belongs to."""
    return '.'.join(name.split('.')[:2])


def measure(modules: dict[str, Module]) -> dict[str, object]:
    """Return what the table shows, by the name of its row."""
    files = [each for each in modules.values() if not each.is_package]
    graph = own_imports(modules)
    importers = Counter(target for targets in graph.values() for target in targets)
    sizes = folder_sizes(modules)
    largest = max(sizes, key=sizes.__getitem__)
    top_arrows = {
        (room(source), room(target))
        for source, targets in graph.items()
        for target in targets
        if room(source) != room(target) and PACKAGE not in (room(source), room(target))
    }
    rooms = {room(name) for name in modules} - {PACKAGE}
    groups = circles(graph)
    file_lines = sorted(each.lines for each in files)
    function_lines = sorted(lines for each in files for _, lines in each.functions)
    return {
        'modules': len(files),
        'lines': sum(file_lines),
        'folders': len(sizes),
        'largest folder': f'{largest} ({sizes[largest]})',
        'modules at the top': sizes[PACKAGE],
        'places at the top': len(rooms),
        'arrows between them': len(top_arrows),
        'circles (modules in them)': f'{len(groups)} ({sum(map(len, groups))})',
        'files imported once': sum(importers[each.name] == 1 for each in files),
        f'files below {SMALL_FILE_LINES} lines': sum(n < SMALL_FILE_LINES for n in file_lines),
        'file, median and largest': f'{median(file_lines):.0f}, {file_lines[-1]}',
        'function, median and largest': f'{median(function_lines):.0f}, {function_lines[-1]}',
        'public names that exist twice': len(repeated_names(modules)),
    }


def main() -> int:
    """Print the table; return 0."""
    parser = argparse.ArgumentParser(prog='structure', description=__doc__)
    parser.add_argument('--against', metavar='REVISION', help='a revision of git to compare with')
    parser.add_argument('--list', action='store_true', help='list folders, circles and twins, too')
    arguments = parser.parse_args()
    columns = {'now': read_package(ROOT)}
    if arguments.against:
        columns = {arguments.against: _at_revision(arguments.against), **columns}
    tables = [measure(modules) for modules in columns.values()]
    print('| |', ' | '.join(columns), '|')
    print('|---' * (len(columns) + 1) + '|')
    for row in tables[-1]:
        print(f'| {row} |', ' | '.join(str(table[row]) for table in tables), '|')
    if arguments.list:
        _print_details(columns['now'])
    return 0


def _print_details(modules: dict[str, Module]) -> None:
    print('\nmodules in each folder:')
    for folder, size in sorted(folder_sizes(modules).items()):
        print(f'  {size:3} {folder}')
    for group in circles(own_imports(modules)):
        print('circle:', ', '.join(group))
    for name, places in repeated_names(modules).items():
        print(f'{name} is defined in {", ".join(places)}')


def _read(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix('').parts
    is_package = parts[-1] == '__init__'
    text = path.read_text(encoding='utf-8')
    tree = ast.parse(text)
    return Module(
        name='.'.join(parts[:-1] if is_package else parts),
        path=path,
        is_package=is_package,
        lines=len(text.splitlines()),
        imports=frozenset(_imports(tree)),
        functions=tuple(
            (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ),
        public_names=tuple(name for name in _defined(tree) if not name.startswith('_')),
    )


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # 'from package import name' may mean the module package.name
            found |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return found


def _defined(tree: ast.Module) -> list[str]:
    """Return the classes and type aliases of a module; those only for type checking, too."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.If))]
    names = []
    for node in (node for body in bodies for node in body):
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [t.id for t in targets if isinstance(t, ast.Name) and _is_camel_case(t.id)]
    return names


def _is_camel_case(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()


def _at_revision(revision: str) -> dict[str, Module]:
    command = ['git', 'archive', revision, PACKAGE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f'structure: git has no revision {revision} of {PACKAGE}/')
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder)
        return read_package(Path(folder))


if __name__ == '__main__':
    sys.exit(main())
