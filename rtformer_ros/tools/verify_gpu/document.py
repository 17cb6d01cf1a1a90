# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Document of a report for people: Markdown with a picture, beside the JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.tools.benchmark.report import chart_of, GET_MATPLOTLIB
from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.verify_gpu.report import GpuReport

_HOW_TO_READ = (
    '**agrees %**: pixels of two street photographs to which this runtime and ONNX Runtime on the '
    'CPU, in FP32, give the same class; of the photograph where they are fewer. It says whether a '
    'plan is right, not how well the model segments.',
    '**p50, p95, max ms** of a runtime: one call after the other, with both copies, after half a '
    'second of calls. No camera, no ROS.',
    '**frames as they come**: the message goes into the engine, which resizes it and returns '
    "masks of the camera's size; **prepared on the host**: the same, decoded, resized and "
    'enlarged on the CPU. Both are compared with the host and ONNX Runtime at 1080p; graph and '
    'host round otherwise, for which one point less is expected.',
    '**W**: read every 0.1 s while more of the same calls are made, right after those that are '
    'timed. "Power by rail" names what it is of. On a Jetson it is the whole module, '
    'idle power included; nvidia-smi reads the GPU alone.',
    '**mJ an image**: mean W by images a second, that is at full load.',
    "**p50, p95, max ms** of the node: from the camera's publish to the arrival of the mask in "
    'another process of this machine, with the transport of both images. **lost**: frames of '
    '**sent** for which no mask came; a node that is slower than the camera skips to the newest. '
    'The camera runs here, too, and takes CPU time of its own.',
    '**CPU ms**: CPU time of all threads of the node a mask. **infer** and **overhead**: its own '
    'diagnostics, the engine and all the rest.',
)


def document_paths(output: Path) -> tuple[Path, Path]:
    """
    Return where the Markdown and the picture of a report lie, by that of its JSON.

    Raises ConfigError for a name that they would overwrite.
    """
    if output.suffix in ('.md', '.png'):
        raise ConfigError(
            f'--output is {output}; expected the name of the JSON file, as report.json: Markdown '
            'and picture lie beside it'
        )
    return output.with_suffix('.md'), output.with_suffix('.png')


def write_documents(output: Path, report: GpuReport) -> None:
    """Write JSON, Markdown and picture, each all or nothing; raises ModelError where it cannot."""
    write_atomically(output, report.to_json().encode())
    markdown, picture = document_paths(output)
    content, why = _chart(report)
    if content:
        write_atomically(picture, content)
    else:
        # Of a run before, whose figures these are not.
        picture.unlink(missing_ok=True)
    shown = f'![medians by runtime, and from camera to mask]({picture.name})'
    write_atomically(markdown, markdown_of(report, shown if content else why).encode())


def markdown_of(report: GpuReport, picture: str) -> str:
    """Return the document; picture: the line with the picture, or why there is none."""
    gpu = report.conditions.get('GPU', 'a GPU')
    state = next((row.state for row in reversed(report.measurements) if row.state), {})
    parts = [
        f'# RTFormer on {gpu}',
        f'`verify_gpu`, {report.made_at}, took {report.took_s:.0f} s.{_caveats(report)}',
        picture,
        *_tables(report),
        *_section('Not measured', list(report.gaps())),
        *_section('Left out by --quick', report.left_out),
        '## Conditions',
        _values('condition', report.conditions),
        *(['Right after the last runtime:', _values('reading', state)] if state else []),
        '## Installation',
        _installation(report),
        '## How to read it',
        _list(_HOW_TO_READ),
    ]
    return '\n\n'.join(parts) + '\n'


def _caveats(report: GpuReport) -> str:
    wrong = [row.name for row in report.measurements if row.is_wrong]
    failed = [row.name for row in report.rows if row.has_failed]
    said = (
        '' if report.is_complete else ' **Not complete**: the run goes on, or was ended.',
        f' **Wrong**: {"; ".join(wrong)}.' if wrong else '',
        f' **Failed**: {"; ".join(failed)}.' if failed else '',
    )
    return ''.join(said)


def _chart(report: GpuReport) -> tuple[bytes, str]:
    """Return a PNG, or b'' and why there is none."""
    try:
        content = chart_of(
            f'{report.conditions.get("GPU", "")}\n{report.made_at}', report.tables()
        )
    except ImportError as error:
        return b'', f'No picture, as matplotlib cannot be imported ({error}): {GET_MATPLOTLIB}'
    # A picture that fails must not cost the figures.
    except Exception as error:  # noqa: BLE001
        return b'', f'No picture, as it cannot be drawn: {error!r}'
    return content, '' if content else 'No picture, as there are no figures.'


def _tables(report: GpuReport) -> list[str]:
    parts = []
    for table in report.tables():
        parts += [f'## {table.title}', '\n'.join(table.markdown())]
        parts += [_list(table.notes)] if table.notes else []
    rails = [
        f'{row.model}: {row.name}: {row.power.source}, {row.power.scope}; '
        + ', '.join(f'{name} {watts:.1f} W' for name, watts in row.power.rails_w.items())
        for row in report.rows
        if row.power
    ]
    return [*parts, *_section('Power by rail', rails)]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a heading and a list, nothing where the list is empty."""
    found = _list(lines)
    return [f'## {title}', found] if found else []


def _list(lines: Iterable[str]) -> str:
    return '\n'.join(f'- {line}' for line in lines)


def _values(kind: str, values: Mapping[str, str]) -> str:
    table = Table('', (Column(kind), Column('value')), tuple(values.items()))
    return '\n'.join(table.markdown())


def _installation(report: GpuReport) -> str:
    rows = tuple((item.state, item.name, item.found, item.fix) for item in report.installation)
    columns = (Column('state'), Column('what'), Column('found'), Column('what mends it'))
    return '\n'.join(Table('', columns, rows).markdown())
