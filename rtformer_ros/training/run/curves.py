# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Curves of a run: loss and scores over its steps, drawn from its tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rtformer_ros.drawing.figure_png import png_of
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.training.metrics import SCORE_TITLES

_MOST_POINTS = 400


def draw_curves(folder: Path) -> None:
    """
    Draw steps.csv and validation.csv of a run's folder into its curves.png.

    Raises ImportError where matplotlib is missing.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout='constrained')
    upper, lower = figure.subplots(2, sharex=True)
    steps = _columns(folder / 'steps.csv')
    step, loss = _averaged(steps['step'], steps['loss'])
    upper.plot(step, loss)
    upper.set(ylabel='loss, averaged', ylim=(0, None))
    scores = _columns(folder / 'validation.csv')
    for name in (each for each in SCORE_TITLES if each in scores):
        lower.plot(
            scores['step'], 100 * scores[name], marker='o', markersize=3, label=SCORE_TITLES[name]
        )
    lower.set(xlabel='step', ylabel='val (%)', ylim=(0, 100))
    lower.legend()
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
    write_atomically(folder / 'curves.png', png_of(figure))


def _columns(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    with path.open(newline='', encoding='utf-8') as file:
        head, *rows = csv.reader(file)
    values = np.array(rows, np.float64).reshape(-1, len(head))
    return dict(zip(head, values.T, strict=True))


def _averaged(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the means of as many neighbours as leave some hundred points."""
    width = max(1, len(x) // _MOST_POINTS)
    count = len(x) // width
    shape = (count, width)
    return x[: count * width].reshape(shape).mean(1), y[: count * width].reshape(shape).mean(1)
