# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Table of measured figures: as text, and as plain values."""

from __future__ import annotations

from dataclasses import dataclass
import math

Cell = str | int | float


@dataclass(frozen=True)
class Column:
    """A column: its heading, with the unit, and the decimals that its numbers are printed with."""

    name: str
    decimals: int = 0


@dataclass(frozen=True)
class Table:
    """
    Figures in rows; NaN stands for what could not be measured.

    title: what was measured and how. notes: sentences below it, what is missing and why. bars:
    the columns to draw in a chart, of one unit; () for none.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the lines to print; columns of text are flush left, of numbers flush right."""
        heads, texts = self._heads, self._texts
        widths = [max(map(len, each)) for each in zip(heads, *texts, strict=True)]
        is_text = self._is_text

        def line(cells: list[str]) -> str:
            placed = (
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(cells, widths, is_text, strict=True)
            )
            return '  '.join(placed).rstrip()

        return ['', self.title, line(heads), *map(line, texts), *self.notes]

    def markdown(self) -> list[str]:
        """Return the lines of a table in Markdown, without title and notes."""
        edges = ['---' if left else '---:' for left in self._is_text]
        rows = [self._heads, edges, *self._texts]
        return [f'| {" | ".join(cell.replace("|", "/") for cell in row)} |' for row in rows]

    @property
    def _heads(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def _texts(self) -> list[list[str]]:
        return [
            [_text(cell, column) for cell, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]

    @property
    def _is_text(self) -> list[bool]:
        """Return of each column whether it holds texts alone."""
        return [all(isinstance(row[i], str) for row in self.rows) for i in range(len(self._heads))]

    def as_json(self) -> dict[str, object]:
        """Return plain values; what could not be measured is None."""
        names = [column.name for column in self.columns]
        return {
            'title': self.title,
            'rows': [dict(zip(names, map(_or_none, row), strict=True)) for row in self.rows],
            'notes': list(self.notes),
        }

    def column(self, name: str) -> tuple[Cell, ...]:
        """Return the cells of the column of that name."""
        index = [column.name for column in self.columns].index(name)
        return tuple(row[index] for row in self.rows)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return what each row is about: its texts."""
        return tuple(' '.join(c for c in row if isinstance(c, str)) for row in self.rows)


def _text(cell: Cell, column: Column) -> str:
    if isinstance(cell, str):
        return cell
    return '-' if math.isnan(cell) else f'{cell:.{column.decimals}f}'


def _or_none(cell: Cell) -> Cell | None:
    return None if isinstance(cell, float) and math.isnan(cell) else cell
