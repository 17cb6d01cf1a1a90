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
    figure = Figure(figsize=(9, 6), layout='constrained')
    axis = figure.subplots()
    axis.set_title(f'{table.title}\n{conditions.machine}', fontsize=8, wrap=True)
    areas = [_LARGEST_POINT * each / max(parameters) for each in parameters]
    axis.scatter(times, values, areas, alpha=0.5)
    for label, x, y in zip(table.labels, times, values, strict=True):
        if not math.isnan(y):
            axis.annotate(label, (x, y), (4, 4), textcoords='offset points', fontsize=7)
    axis.set_xlabel('min ms (area: parameters)', fontsize=8)
    axis.set_ylabel(upward, fontsize=8)
    axis.set_xscale('log')
    if not has_scores:
        axis.set_yscale('log')
    axis.grid(visible=True, alpha=0.3)
    write_atomically(path, png_of(figure))


def _numbers(table: Table, name: str) -> list[float]:
    return [float(cell) for cell in table.column(name)]
