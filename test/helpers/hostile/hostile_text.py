# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Texts that make a careless reader of YAML or JSON freeze, fill the memory or fall over."""

from __future__ import annotations

from itertools import pairwise
import os
from pathlib import Path

SECRET = 'hunter2-is-my-password'
"""A line of a file that is none of the reader's; no error may show it."""

_LETTERS = 'abcdefghijkl'


def _alias_bomb() -> str:
    lines = [f'a: &a [{", ".join(["x"] * 9)}]']
    for earlier, later in pairwise(_LETTERS):
        lines.append(f'{later}: &{later} [{", ".join([f"*{earlier}"] * 9)}]')
    return '\n'.join([*lines, 'classes: [*l]', 'steps: *l', 'image: *l', 'input: *l'])


def _merge_bomb() -> str:
    lines = ['a: &a {k: v}']
    for earlier, later in pairwise(_LETTERS):
        lines.append(f'{later}: &{later} {{<<: [{", ".join([f"*{earlier}"] * 9)}]}}')
    return '\n'.join([*lines, 'classes: [{<<: *l}]', '<<: *l'])


_CLASSES = ''.join(f'- {{name: c{i}, color: [1, 2, 3]}}\n' for i in range(30_000))

YAML = {
    'alias bomb': _alias_bomb(),
    'merge bomb': _merge_bomb(),
    'merge key': 'classes: [{<<: {name: a, color: [0, 0, 0]}}]\n<<: {steps: 1}',
    'alias to itself': 'classes: &a [*a]\nsteps: *a',
    'many classes': f'classes:\n{_CLASSES}',
    'many short classes': 'classes:\n' + '- {}\n' * 30_000,
    'long integer': f'classes: [{"9" * 5000}]\nsteps: {"9" * 5000}',
    'long hexadecimal integer': f'steps: 0x{"f" * 100_000}',
    'long sexagesimal integer': f'steps: 1{":1" * 100_000}',
    'integer key': '1: {2: 3}\nclasses: [{1: 2}]',
    'list as key': '? [a, b]\n: c',
    'tuple as key': '? !!python/tuple [a, b]\n: c',
    'object': 'classes: !!python/object/apply:os.system [true]',
    'binary': 'steps: !!binary aGFsbG8=',
    'set': 'classes: !!set {a, b}',
    'deep flow': '[' * 50_000,
    'deep block': '- ' * 50_000,
    'deep mapping': '{a: ' * 50_000,
    'deep lines': ''.join(f'{" " * i}k:\n' for i in range(1000)),
    'key twice': 'steps: 1\nsteps: 2',
    'two documents': 'a: 1\n---\nb: 2',
    'control characters': 'steps: "\x00\x07"',
    'half a character': 'steps: "\\ud800"',
    'no such character': 'steps: "\\UFFFFFFFF"',
    'other text': f'root:x:0:0\n{SECRET}: [\n{{{SECRET}',
    'one long line': f'{SECRET} ' * 50_000 + ': [',
    'tabs': f'\t{SECRET}: x',
    'unclosed quote': f'a: "{SECRET}',
    'undefined alias': f'a: *{SECRET}',
    'comment without end': '#' + 'x' * (2 << 20),
}

JSON = {
    'deep list': '[' * 100_000,
    'deep object': '{"a":' * 100_000,
    'just too deep': '[' * 40 + ']' * 40,
    'long integer': f'[{"9" * 5000}]',
    'longer integer': f'{{"classes": {"9" * 1_000_000}}}',
    'many values': f'[{"1," * 60_000}1]',
    'too long': f'"{"x" * (2 << 20)}"',
    'many classes': f'{{"classes": [{"{},".join([""] * 30_000)}{{}}]}}',
    'no number': '{"scale": NaN}',
    'infinity': '{"scale": 1e999}',
    'half a character': '{"name": "\\ud800", "classes": []}',
    'key twice': '{"classes": [], "classes": []}',
    'other text': f'{SECRET}',
    'unclosed quote': f'{{"{SECRET}',
}


def write_texts(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Write each text into a file of its name; return their paths."""
    paths = []
    for name, text in texts.items():
        path = folder / f'{name.replace(" ", "_")}.yaml'
        path.write_bytes(text.encode())
        paths.append(path)
    return paths


def odd_files(folder: Path) -> list[Path]:
    """Make paths at which no text file can be read: a pipe, a folder, devices, bytes."""
    pipe, binary = folder / 'pipe.yaml', folder / 'latin1.yaml'
    os.mkfifo(pipe)
    binary.write_bytes(b'name: caf\xe9')
    (folder / 'folder.yaml').mkdir()
    (folder / 'device.yaml').symlink_to('/dev/zero')
    (folder / 'terminal.yaml').symlink_to('/dev/tty')
    (folder / 'loop.yaml').symlink_to(folder / 'loop.yaml')
    names = ('folder', 'device', 'terminal', 'loop', 'missing')
    paths = [pipe, binary, *(folder / f'{name}.yaml' for name in names)]
    return [*paths, folder / ('a' * 5000), folder / 'null\0character.yaml']
