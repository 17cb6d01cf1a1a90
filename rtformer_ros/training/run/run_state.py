# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write and read what a run needs to go on exactly where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import io
from pathlib import Path
import pickle
from typing import Any

from rtformer_ros.errors import CheckpointError
from rtformer_ros.files.atomic_file import write_atomically
import torch

STATE_FILE = 'state.pt'
_FORMAT = 1
# Written before runs classified images, too.
_OLD_BEST_KEY = 'best_mean_iou'


@dataclass(frozen=True)
class RunState:
    """
    A run after `step` steps.

    learner: what Learner.state() gave. best_score: the best one so far, 0..1, or -1.
    """

    step: int
    learner: Mapping[str, Any]
    best_score: float = -1.0

    def save(self, folder: Path) -> None:
        """Write folder/state.pt, whole or not at all; raises ModelError if that is impossible."""
        content = io.BytesIO()
        torch.save(
            {
                'format': _FORMAT,
                'step': self.step,
                'learner': dict(self.learner),
                'best_score': self.best_score,
            },
            content,
        )
        write_atomically(folder / STATE_FILE, content.getvalue())


def load_state(folder: Path, device: torch.device) -> RunState:
    """Read folder/state.pt; raises CheckpointError for one that is missing or broken."""
    path = folder / STATE_FILE
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved['format'] != _FORMAT:
            raise CheckpointError(
                f'{path} has format {saved["format"]}; this version reads {_FORMAT}'
            )
        best_key = 'best_score' if 'best_score' in saved else _OLD_BEST_KEY
        return RunState(int(saved['step']), saved['learner'], float(saved[best_key]))
    except FileNotFoundError as error:
        raise CheckpointError(
            f'the run in {folder} was ended before its first state was kept: there is no {path}; '
            'start it again without --resume'
        ) from error
    except OSError as error:
        raise CheckpointError(f'cannot read {path}: {error}') from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, LookupError, TypeError) as error:
        raise CheckpointError(f'{path} is cut short or no state of a run: {error}') from error
