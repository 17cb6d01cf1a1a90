# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Report of a benchmark: the conditions and the tables, as JSON and as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
import json
import os
from pathlib import Path
import platform

from rtformer_ros import __version__
from rtformer_ros.drawing.figure_png import png_of
from rtformer_ros.engines.reduced_precision.cpu_features import cpu_flags, describe_flags
from rtformer_ros.errors import ConfigError, pip_install
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.tools.benchmark.table import Table

_LIBRARIES = ('numpy', 'opencv-python-headless', 'onnxruntime', 'openvino', 'torch', 'ros-rclpy')
# From this on, another program computes beside the benchmark.
_QUIET_LOAD = 0.5
_BAR_INCHES = 0.24

GET_MATPLOTLIB = f'sudo apt-get install python3-matplotlib, or {pip_install("matplotlib")}'
"""What to type where charts cannot be drawn."""


@dataclass(frozen=True)
class Conditions:
    """What figures were measured on; load: the averages of 1, 5 and 15 minutes at the start."""

    machine: str
    load: tuple[float, float, float]
    versions: str
    model: str

    @classmethod
    def now(cls, model: Path, threads: int) -> Conditions:
        """Return those of this machine at this moment."""
        flags = describe_flags(cpu_flags())
        return cls(
            machine=f'{_cpu_name()}, {os.cpu_count()} cores ({flags})',
            load=os.getloadavg(),
            versions=', '.join(_versions()),
            model=f'{model.name}; engine threads: {threads or "0 (one core left free)"}',
        )

    def __str__(self) -> str:
        """Return three lines."""
        is_quiet = self.load[0] < _QUIET_LOAD
        quiet = 'quiet' if is_quiet else 'not quiet: trust CPU time and minima alone'
        load = ', '.join(f'{value:.2f}' for value in self.load)
        return (
            f'machine: {self.machine}; load average at start {load} ({quiet})\n'
            f'versions: {self.versions}\nmodel: {self.model}'
        )


def write_json(path: Path, conditions: Conditions, tables: Sequence[Table]) -> None:
    """Write conditions and tables, all or nothing; raises ModelError where it cannot."""
    report = {
        'conditions': {
            'machine': conditions.machine,
            'load_average': list(conditions.load),
            'versions': conditions.versions,
            'model': conditions.model,
        },
        'tables': [table.as_json() for table in tables],
    }
    write_atomically(path, (json.dumps(report, indent=1) + '\n').encode())


def write_chart(path: Path, conditions: Conditions, tables: Sequence[Table]) -> None:
    """
    Draw the tables that name bars, one below the other, into a PNG.

    Raises ConfigError where matplotlib is missing or no table has bars.
    """
    check_chart()
    content = chart_of(f'{conditions.machine}\n{conditions.model}', tables)
    if not content:
        raise ConfigError('nothing that was measured is drawn; leave --chart out')
    write_atomically(path, content)


def chart_of(title: str, tables: Sequence[Table]) -> bytes:
    """
    Return a PNG of the tables that name bars, one below the other; b'' where none has any.

    Raises ImportError without matplotlib.
    """
    from matplotlib.figure import Figure

    drawn = [table for table in tables if table.bars and table.rows]
    if not drawn:
        return b''
    heights = [_BAR_INCHES * len(table.rows) * len(table.bars) + 0.9 for table in drawn]
    figure = Figure(figsize=(9, sum(heights) + 0.8), layout='constrained')
    figure.suptitle(title, fontsize=8)
    axes = figure.subplots(len(drawn), squeeze=False, height_ratios=heights)[:, 0]
    for axis, table in zip(axes, drawn, strict=True):
        _draw(axis, table)
    return png_of(figure)


def check_chart() -> None:
    """Raise ConfigError unless charts can be drawn."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'--chart needs matplotlib, which cannot be imported ({error}); type: {GET_MATPLOTLIB}'
        ) from error


def _draw(axis: object, table: Table) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    thickness = 0.8 / len(table.bars)
    for number, name in enumerate(table.bars):
        places = [row + number * thickness for row in range(len(table.rows))]
        bars = axis.barh(places, [float(c) for c in table.column(name)], thickness, label=name)
        axis.bar_label(bars, fmt='%.3g', padding=2, fontsize=6)
    middle = (len(table.bars) - 1) * thickness / 2
    axis.set_yticks([row + middle for row in range(len(table.rows))], table.labels, fontsize=7)
    axis.invert_yaxis()
    axis.set_title(table.title, loc='left', fontsize=8, wrap=True)
    axis.tick_params(axis='x', labelsize=7)
    axis.margins(x=0.08)
    if len(table.bars) > 1:
        axis.legend(fontsize=7, loc='lower right')
    else:
        axis.set_xlabel(table.bars[0], fontsize=7)


def _cpu_name() -> str:
    cpu_info = Path('/proc/cpuinfo')
    name = platform.processor() or platform.machine()
    if cpu_info.is_file():
        lines = cpu_info.read_text(encoding='utf-8').splitlines()
        return next((x.partition(':')[2].strip() for x in lines if 'model name' in x), name)
    return name


def _versions() -> list[str]:
    found = [f'rtformer_ros {__version__}', f'Python {platform.python_version()}']
    for library in _LIBRARIES:
        try:
            found.append(f'{library} {version(library)}')
        except PackageNotFoundError:
            found.append(f'no {library}')
    return found
