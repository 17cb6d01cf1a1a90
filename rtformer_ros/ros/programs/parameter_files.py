# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Write what the table of parameters says: config/seg.yaml and docs/parameters.md.

    python -m rtformer_ros.ros.programs.parameter_files [--check]
"""

from __future__ import annotations

import argparse
from pathlib import Path
import re
import sys
import textwrap
from typing import TYPE_CHECKING

from rtformer_ros.ros.interface.parameters import GROUPS, SPECS
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec

ROOT = Path(__file__).resolve().parents[3]

_COMMAND = 'make parameters'
_LINE_WIDTH = 100
_INDENT = ' ' * 4
_COMMENT_COLUMN = 40
_NO_BREAK = '\N{NO-BREAK SPACE}'
_READ_ONLY = [name for name, spec in SPECS.items() if spec.read_only]

_YAML_HEAD = f"""\
# Parameters of segmentation_node, as seg.launch.py gives them. Every value below is the default.
# All but {', '.join(_READ_ONLY)} can be changed while the node
# runs, model and engine too.
# This file is written by `{_COMMAND}`: change a copy, and launch with params_file:=COPY.
/**:
  ros__parameters:
"""
_PAGE_HEAD = f"""\
# Parameters

```sh
ros2 param set /segmentation_node overlay_alpha 0.7
ros2 param describe /segmentation_node overlay_alpha
ros2 launch rtformer_ros seg.launch.py params_file:=$HOME/my_seg.yaml   # a copy of config/seg.yaml
```

All but {', '.join(f'`{name}`' for name in _READ_ONLY)} change while the node runs, the model and
the engine too, and count from the next frame. Several that are set atomically succeed or fail as
one; a refused set says what is allowed. `ros2 param describe` shows type, range and unit.

In files, on command lines and in sets alike an integer does for a floating-point number, and a
list of texts for a text with commas. In a file the parameters stand under `/**`, a namespace
(`/robot/**`) or the node's full name (`/robot/segmentation_node`). The node warns of names that it
does not know, with the nearest that it does, and of files that have nothing for it.
`ros2 param load` takes what `ros2 param dump` has written.

`config/seg.yaml` holds every parameter with its default. It and this page are written by
`{_COMMAND}` from `rtformer_ros/ros/interface`.
"""
_CODE = re.compile(
    r"""
    (?<!\w)'(?P<quoted>[^']*)'(?!\w)      # a text
    | \['.*?'\]                           # a list of texts
    | (?<![\w/])(~|\$?\w+)?/[\w./]*\w    # a topic or folder
    | \b\w+\.\*                          # parameters of one prefix
    | \b[a-z0-9]+(_[a-z0-9]+)+\b          # a name in snake case
    """,
    re.VERBOSE,
)


def parameter_file(groups: Iterable[ParameterGroup]) -> str:
    """Return the parameter file, in YAML, with every parameter at its default."""
    return _YAML_HEAD + '\n'.join(_yaml_group(group) for group in groups)


def parameter_page(groups: Iterable[ParameterGroup]) -> str:
    """Return the documentation page, in Markdown, with one table for each group."""
    return '\n'.join([_PAGE_HEAD, *(_page_group(group) for group in groups)])


def _yaml_group(group: ParameterGroup) -> str:
    text = f'{group.title}. {group.note}' if group.note else group.title
    head = textwrap.wrap(text, _LINE_WIDTH - len(_INDENT) - 2)
    lines = [f'{_INDENT}# {line}' for line in head]
    for spec in group.specs:
        lines += _yaml_lines(spec)
    return '\n'.join([*lines, ''])


def _yaml_lines(spec: ParameterSpec) -> list[str]:
    """Return the lines of one parameter: its default, and to the right of it what it means."""
    entry = f'{_INDENT}{spec.name}: {_yaml_value(spec.ros_default)}'
    comment = textwrap.wrap(_yaml_comment(spec), _LINE_WIDTH - _COMMENT_COLUMN - 2)
    margin = ' ' * _COMMENT_COLUMN
    lines = [f'{margin}# {line.replace(_NO_BREAK, " ")}' for line in comment]
    if len(entry) < _COMMENT_COLUMN:
        return [entry + lines[0][len(entry) :], *lines[1:]]
    return [entry, *lines]


def _yaml_comment(spec: ParameterSpec) -> str:
    # No line ends within a range.
    allowed = ', '.join(spec.choices) or spec.range_text.replace(' ', _NO_BREAK)
    is_told = allowed.replace(_NO_BREAK, ' ') in spec.description
    return spec.description if is_told else f'{spec.description} [{allowed}]'


def _yaml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value and yaml.safe_load(value) == value else f"'{value}'"
    return str(value)


def _page_group(group: ParameterGroup) -> str:
    rows = ['| parameter | default | range and unit | meaning |', '|---|---|---|---|']
    for spec in group.specs:
        default = f'`{_yaml_value(spec.ros_default)}`'
        rows.append(f'| `{spec.name}` | {default} | {_page_range(spec)} | {_page_meaning(spec)} |')
    sentences = [_with_code(group.note)] if group.note else []
    if group.page:
        sentences.append(f'More: [{group.page.partition("#")[0]}]({group.page}).')
    note = textwrap.wrap(' '.join(sentences), _LINE_WIDTH, break_on_hyphens=False)
    return '\n'.join([f'## {group.title}', '', *note, *([''] if note else []), *rows, ''])


def _page_range(spec: ParameterSpec) -> str:
    if isinstance(spec.default, bool):
        return '`true`, `false`'
    if spec.is_list:
        return 'list of texts' if spec.items is str else 'list of numbers'
    choices = ', '.join(f'`{choice}`' for choice in spec.choices)
    return choices or spec.range_text or 'text'


def _page_meaning(spec: ParameterSpec) -> str:
    fixed = 'It cannot change while the node runs.' if spec.read_only else ''
    sentences = filter(None, (f'{_with_code(spec.description)}.', spec.details, fixed))
    return ' '.join(sentences).replace('|', r'\|')


def _with_code(plain: str) -> str:
    """Mark as code what a user types or sees in ROS; the empty text keeps its quotes."""
    return _CODE.sub(lambda match: f'`{match["quoted"] or match[0]}`', plain)


def files() -> Mapping[Path, str]:
    """Return what each of the files holds, by its path below the root of the repository."""
    return {
        Path('config/seg.yaml'): parameter_file(GROUPS),
        Path('docs/parameters.md'): parameter_page(GROUPS),
    }


def main(argv: list[str] | None = None) -> int:
    """Write the files, or compare with --check; returns 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        '--check', action='store_true', help='write nothing, and fail where a file differs'
    )
    is_check = parser.parse_args(argv).check
    for path, text in files().items():
        target = ROOT / path
        if target.exists() and target.read_text(encoding='utf-8') == text:
            continue
        if is_check:
            sys.stderr.write(f'{path} differs from the parameters; run `{_COMMAND}`\n')
            return 1
        target.write_text(text, encoding='utf-8')
        sys.stdout.write(f'wrote {path}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
