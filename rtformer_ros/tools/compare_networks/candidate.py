# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Networks to compare: named on the command line, or trained in the folder of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
from dataclasses import dataclass, field
import math
from pathlib import Path
from typing import Any

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.recipe_file import parse_change
from rtformer_ros.training.run.run_setup import load_setup

_NOT_SHOWN = ('bn_momentum', 'drop_path_rate')
"""What decides only how a network is trained."""


@dataclass(frozen=True)
class Candidate:
    """
    A network by its public name, with options of build_network.

    mean_iou: best score of its training on the images that it was validated on, 0..1; NaN where
    it was not trained.
    """

    network: str
    options: Mapping[str, Any] = field(default_factory=dict)
    mean_iou: float = math.nan

    @property
    def title(self) -> str:
        """Return the name with the options, as `candidate_named` takes them."""
        shown = (f':{k}={_plain(v)}' for k, v in self.options.items() if k not in _NOT_SHOWN)
        return self.network + ''.join(shown)


def candidate_named(text: str) -> Candidate:
    """
    Return the network of a text as 'rtformer_slim:attention=mhea:memory_ratio=0.25'.

    The values are YAML. Raises ConfigError for an option without a value.
    """
    network, *changes = text.split(':')
    options = dict(parse_change(change) for change in changes)
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return Candidate(network, tuples)


def candidate_of_run(folder: Path) -> Candidate:
    """Return the network of a training run, with its best score; raises ConfigError."""
    from rtformer_ros.training.tasks.task import network_options

    setup = load_setup(folder)
    if not isinstance(setup.labels, LabelSet):
        raise ConfigError(f'{folder} has trained a classifier; give runs that train to segment')
    return Candidate(
        setup.network, network_options(setup.network, setup.recipe.network), _best_mean_iou(folder)
    )


def all_candidates(names: Sequence[str], runs: Sequence[Path]) -> list[Candidate]:
    """
    Return the networks to compare, each once: the named ones, then those of runs.

    A run of a network that is named gives it its score; of several runs of one the best counts.
    """
    by_title: dict[str, Candidate] = {}
    for each in (*map(candidate_named, names), *map(candidate_of_run, runs)):
        before = by_title.get(each.title)
        if before is None or math.isnan(before.mean_iou) or each.mean_iou > before.mean_iou:
            by_title[each.title] = each
    if not by_title:
        raise ConfigError('there is nothing to compare; name networks, or runs with --runs')
    return list(by_title.values())


def _best_mean_iou(folder: Path) -> float:
    path = folder / 'validation.csv'
    if not path.is_file():
        raise ConfigError(f'{folder} has no validation.csv: the run was not scored yet')
    with path.open(newline='', encoding='utf-8') as file:
        try:
            return max(float(row['mean_iou']) for row in csv.DictReader(file))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f'{path} is no table of scores: {quoted(error)}') from error


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f'[{",".join(map(_plain, value))}]'
    return str(value).lower() if isinstance(value, bool) else str(value)
