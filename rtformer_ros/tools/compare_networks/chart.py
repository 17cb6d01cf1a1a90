# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Draw compared networks as points: score over time where there are scores, else cost."""

from __future__ import annotations

import math
from pathlib import Path

from rtformer_ros.drawing.figure_png import png_of
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.tools.benchmark.report import check_chart, Conditions
from rtformer_ros.tools.benchmark.table import Table

_LARGEST_POINT = 400.0


def write_scatter(path: Path, conditions: Conditions, table: Table) -> None:
    """
    Draw a table of comparison_table into a PNG; the area of a point is its parameters.

    Across: least milliseconds. Upward: mIoU of those that were trained; if none was, GMAC.
    Raises ConfigError where matplotlib is missing, ModelError where the file cannot be written.
    """
    check_chart()
    from matplotlib.figure import Figure

    scores = _numbers(table, 'mIoU %')
    has_scores = not all(map(math.isnan, scores))
    upward = 'mIoU %' if has_scores else 'GMAC'
    values = scores if has_scores else _numbers(table, 'GMAC')
    times, parameters = _numbers(table, 'min ms'), _numbers(table, 'parameters M')
    figure = Figure(figsize=(11, 6), layout='constrained')
    axis = figure.subplots()
    axis.set_title(f'{table.title}\n{conditions.machine}', fontsize=8, wrap=True)
    areas = [_LARGEST_POINT * each / max(parameters) for each in parameters]
    points = zip(table.labels, times, values, areas, strict=True)
    for number, (label, x, y, area) in enumerate((each for each in points if each[2] > 0), 1):
        axis.scatter(x, y, area, alpha=0.5, label=f'{number}  {label}')
        axis.annotate(str(number), (x, y), ha='center', va='center', fontsize=7)
    # Beside the points, which forms of one network have close together.
    for handle in figure.legend(loc='outside right upper', fontsize=7).legend_handles:
        if handle is not None:
            handle.set(sizes=[40])
    axis.set_xlabel('min ms (area: parameters)', fontsize=8)
    axis.set_ylabel(upward, fontsize=8)
    axis.set_xscale('log')
    if not has_scores:
        axis.set_yscale('log')
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter('{x:g}')
        side.set_minor_formatter('{x:g}')
        side.set_tick_params(which='both', labelsize=8)
    axis.grid(visible=True, alpha=0.3)
    write_atomically(path, png_of(figure))


def _numbers(table: Table, name: str) -> list[float]:
    return [float(cell) for cell in table.column(name)]
