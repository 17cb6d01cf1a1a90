# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Record how a run goes: a progress bar, tables, TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import csv
from importlib import import_module
from pathlib import Path
import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import pip_install
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.training.metrics import SCORE_TITLES, ValidationScores
from rtformer_ros.training.run.curves import draw_curves
from tqdm import tqdm

_CURVE_EVERY = 20
_SLOW_REFRESH_S = 30.0


class RunLog:
    """
    Write what happens to a run's folder and to the terminal.

    steps.csv: loss, learning rate and images/s of each step; validation.csv: scores, those
    of each class too; curves.png: loss and scores; tensorboard/: the same, and pictures.
    """

    def __init__(
        self, folder: Path | None, class_names: Sequence[str], first: int, last: int
    ) -> None:
        """
        Start after step `first` of `last`; without a folder everything is passed over.

        What the folder's tables and curves hold of later steps is removed: a run that was killed
        takes these again. Raises ModelError where they cannot be written.
        """
        self._folder, self._class_names = folder, class_names
        if folder:
            _forget_after(folder, first)
        is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=last,
            initial=first,
            unit='step',
            dynamic_ncols=is_terminal,
            mininterval=0.5 if is_terminal else _SLOW_REFRESH_S,
            disable=folder is None,
        )
        self._board = _open_board(folder, first, self.say) if folder else None
        self._can_draw = folder is not None

    def __enter__(self) -> RunLog:
        """Return the log."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the bar and TensorBoard's file."""
        self._bar.close()
        if self._board is not None:
            self._board.close()

    def step(self, step: int, loss: float, lr: float, images_per_s: float) -> None:
        """Record step number `step` (from 1), which has been taken."""
        self._bar.set_postfix_str(
            f'loss {loss:.4f}, lr {lr:.2e}, {images_per_s:.1f} images/s', refresh=False
        )
        self._bar.update(1)
        values = {'loss': loss, 'lr': lr, 'images_per_s': images_per_s}
        self._append('steps.csv', {'step': step} | values)
        if step % _CURVE_EVERY == 0:
            self._scalars({f'train/{key}': value for key, value in values.items()}, step)

    def scores(self, step: int, scores: ValidationScores) -> None:
        """Record scores of the averaged weights after `step` steps."""
        summary = scores.summary
        by_class = dict(zip(self._class_names, scores.by_class.tolist(), strict=True))
        self._append('validation.csv', {'step': step} | summary | by_class)
        self._scalars({f'val/{key}': value for key, value in summary.items()}, step)
        kind = scores.class_score
        self._scalars({f'{kind}/{key}': value for key, value in by_class.items()}, step)
        texts = [f'{SCORE_TITLES[key]} {100 * value:.2f} %' for key, value in summary.items()]
        self.say(f'step {step}: val {", ".join(texts)}')
        self._draw_curves()

    def picture(self, name: str, image_hwc: npt.NDArray[np.uint8], step: int) -> None:
        """Keep a picture, RGB uint8 [h, w, 3], as folder/NAME.png and in TensorBoard."""
        if self._folder is None:
            return
        _, png = cv2.imencode('.png', cv2.cvtColor(image_hwc, cv2.COLOR_RGB2BGR))
        (self._folder / f'{name}.png').write_bytes(png.tobytes())
        if self._board is not None:
            _add_png(self._board, name, png.tobytes(), image_hwc.shape[:2], step)

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        if self._folder is not None:
            tqdm.write(text, file=sys.stderr)

    def _draw_curves(self) -> None:
        if self._folder is None or not self._can_draw:
            return
        try:
            draw_curves(self._folder)
        except ImportError:
            self._can_draw = False
            self.say(f'no curves.png: matplotlib is missing; {pip_install("matplotlib")}')

    def _append(self, name: str, row: dict[str, float]) -> None:
        if self._folder is None:
            return
        path = self._folder / name
        is_new = not path.exists()
        with path.open('a', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(row)
            writer.writerow([f'{value:.9g}' for value in row.values()])

    def _scalars(self, values: dict[str, float], step: int) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)


def _forget_after(folder: Path, first: int) -> None:
    """Remove what a run that was killed recorded after its last state, which is taken again."""
    for table in (folder / 'steps.csv', folder / 'validation.csv'):
        if table.is_file():
            rows = table.read_text(encoding='utf-8').splitlines(keepends=True)
            kept = [row for row in rows[1:] if _is_until(row, first)]
            write_atomically(table, ''.join(rows[:1] + kept).encode())
    if first == 0:
        for events in (folder / 'tensorboard').glob('events.out.tfevents.*'):
            events.unlink()


def _is_until(row: str, last: int) -> bool:
    step, _, rest = row.partition(',')
    return step.isdecimal() and int(step) <= last and rest.endswith('\n')


def _open_board(folder: Path, first: int, say: Callable[[str], None]) -> Any:
    try:
        tensorboard = import_module('tensorboardX')
    except ModuleNotFoundError:
        say(f'no TensorBoard curves: tensorboardX is missing; {pip_install("tensorboardX")}')
        return None
    # TensorBoard hides what earlier files hold from that step on.
    purge_step = first + 1 if first else None
    return tensorboard.SummaryWriter(
        str(folder / 'tensorboard'), purge_step=purge_step, flush_secs=30
    )


def _add_png(board: Any, name: str, png: bytes, size_hw: tuple[int, ...], step: int) -> None:
    """Add a picture that is encoded already; add_image would need Pillow to do it again."""
    summary = import_module('tensorboardX.proto.summary_pb2').Summary
    image = summary.Image(
        encoded_image_string=png, colorspace=3, height=size_hw[0], width=size_hw[1]
    )
    board.file_writer.add_summary(summary(value=[summary.Value(tag=name, image=image)]), step)
