# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lead a run from its first step, or from where it stopped, to its last."""

from __future__ import annotations

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Protocol

import numpy as np
from rtformer_ros.errors import ConfigError
from rtformer_ros.network.family import Network
from rtformer_ros.network.quantisation.layered_checkpoint import LayeredCheckpoint
from rtformer_ros.network.quantisation.layered_file import save_layered
from rtformer_ros.network.quantisation.layered_network import each_precision
from rtformer_ros.network.quantisation.parallel.parallel_checkpoint import ParallelCheckpoint
from rtformer_ros.network.quantisation.parallel.parallel_file import save_parallel
from rtformer_ros.network.weights.checkpoint import save_checkpoint
from rtformer_ros.training.data.batches import BatchOrder, Crops, load_batches
from rtformer_ros.training.learner import Learner
from rtformer_ros.training.metrics import Scores, ValidationScores
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe_file import recipe_to_dict
from rtformer_ros.training.run.initial_weights import initialize
from rtformer_ros.training.run.quantised_start import first_crops, prepare_quantisers
from rtformer_ros.training.run.run_log import RunLog
from rtformer_ros.training.run.run_setup import RunSetup
from rtformer_ros.training.run.run_state import load_state, RunState
from rtformer_ros.training.run.step_clock import StepClock
from rtformer_ros.training.tasks.task import TrainingTask
import torch

LAST_WEIGHTS, BEST_WEIGHTS = 'last.safetensors', 'best.safetensors'
_SHOWN_CROPS = 8
_WATCH_EVERY = 200


class Stoppable(Protocol):
    """Something that may ask the run to end."""

    @property
    def is_set(self) -> bool:
        """Return whether the run is to end after the step it is in."""
        ...


class TrainingRun:
    """A network that is trained as a setup says, in a folder."""

    def __init__(
        self,
        setup: RunSetup,
        task: TrainingTask,
        folder: Path,
        group: ProcessGroup,
        *,
        workers: int = 1,
        init: Path | None = None,
        resume: bool = False,
    ) -> None:
        """
        Build the network anew, from the weights in `init`, or resume what is in `folder`.

        workers: processes that make crops.
        Raises ConfigError for a batch that the processes cannot share evenly, CheckpointError for
        weights that do not fit.
        """
        if setup.recipe.batch_size % group.world_size:
            raise ConfigError(
                f'a batch of {setup.recipe.batch_size} cannot be shared evenly by '
                f'{group.world_size} processes; change --batch-size'
            )
        self.setup, self.task, self.folder, self.group = setup, task, folder, group
        self.workers = workers
        torch.manual_seed(setup.recipe.seed)
        network = task.fresh_network(setup.network)
        self.initial_weights = None if init is None else initialize(network, init)
        self._crops = task.crops
        if setup.recipe.quantisation.kind != 'none':
            crops = None if resume else first_crops(self._crops, task.sample_count, setup.recipe)
            prepare_quantisers(network, setup.recipe.quantisation, crops)
        self.learner = Learner(network, setup.recipe, task, group)
        self.steps_taken, self.best_score = 0, -1.0
        if resume:
            state = load_state(folder, group.device)
            self.learner.restore(dict(state.learner))
            self.steps_taken, self.best_score = state.step, state.best_score
        self.clock = StepClock()

    def steps(self) -> Iterator[tuple[int, float]]:
        """Take the steps that are left, yielding (steps taken, loss) after each; write nothing."""
        recipe, group = self.setup.recipe, self.group
        order = BatchOrder(
            self.task.sample_count, recipe.batch_size, recipe.seed, group.rank, group.world_size
        )
        first, last = self.steps_taken, recipe.steps
        batches = load_batches(
            self._crops,
            order,
            first,
            last,
            self.workers,
            pin_memory=group.device.type == 'cuda',
        )
        self.clock.restart()
        for images, labels in batches:
            self.clock.batch_came()
            loss = self.learner.learn(images, labels, self.steps_taken)
            self.clock.step_taken()
            self.steps_taken += 1
            yield self.steps_taken, loss

    def run(self, log: RunLog, stop: Stoppable) -> None:
        """
        Train to the end, or until `stop` is set in any process, and keep everything.

        Scores and weights are kept every validate_every steps and at the end, the state to resume
        from every save_every steps and at the end.
        """
        recipe, saved_at = self.setup.recipe, self.steps_taken
        self._show_crops(log)
        for taken, loss in self.steps():
            log.step(taken, loss, self.learner.lr(taken - 1), self.images_per_s)
            if taken % _WATCH_EVERY == 0 and self.clock.is_starved:
                log.say(_starved(self.clock.waiting_share, self.workers))
            if taken % recipe.validate_every == 0 or taken == recipe.steps:
                self._validate(log)
            if taken % recipe.save_every == 0 or taken == recipe.steps:
                self._save()
                saved_at = taken
            self.clock.restart()
            if self._any_wants(stop):
                break
        if saved_at < self.steps_taken:
            self._save()

    @property
    def images_per_s(self) -> float:
        """Training crops a second over the last steps, in all processes."""
        return self.clock.steps_per_s * self.setup.recipe.batch_size

    def _validate(self, log: RunLog) -> None:
        learner, step = self.learner, self.steps_taken
        network = learner.average.network
        scores = self._scores(network, log)
        log.scores(step, scores)
        if not self.group.is_first:
            return
        log.picture('val', self.task.draw_val(network, learner.normalized), step)
        self._keep(LAST_WEIGHTS, scores)
        _, deciding = _deciding(scores)
        if deciding > self.best_score:
            self.best_score = deciding
            self._keep(BEST_WEIGHTS, scores)

    def _scores(self, network: Network, log: RunLog) -> ValidationScores:
        """Return the scores of a network; of a layered one, over all precisions together."""
        confusions = []
        for bits in each_precision(network):
            scores = self.task.scores(network, self.learner.normalized, self.group)
            if bits is None:
                return scores
            assert isinstance(scores, Scores)
            log.say(f'int{bits}: val mIoU {100 * scores.mean_iou:.2f} %')
            confusions.append(scores.confusion)
        return Scores(np.sum(confusions, axis=0))

    def _keep(self, name: str, scores: ValidationScores) -> None:
        """Write the averaged weights as a model that can be exported and used."""
        kind, deciding = _deciding(scores)
        notes = {
            'dataset': self.task.dataset_name,
            'steps': str(self.steps_taken),
            f'val_{kind}': f'{deciding:.4f}',
            'recipe': json.dumps(recipe_to_dict(self.setup.recipe)),
        }
        network, path = self.learner.average.network, self.folder / name
        checkpoint = self.task.checkpoint(network, notes)
        if network.bit_widths:
            save_layered(LayeredCheckpoint.of(network, checkpoint), path)
        elif network.group_precision is not None:
            save_parallel(ParallelCheckpoint.quantised(network, checkpoint), path)
        else:
            save_checkpoint(checkpoint, path)

    def _save(self) -> None:
        if self.group.is_first:
            state = RunState(self.steps_taken, self.learner.state(), self.best_score)
            state.save(self.folder)

    def _any_wants(self, stop: Stoppable) -> bool:
        wishes = torch.tensor(float(stop.is_set), device=self.group.device)
        return bool(self.group.total(wishes) > 0)

    def _show_crops(self, log: RunLog) -> None:
        if self.group.is_first:
            seed = self.setup.recipe.seed
            crops = Crops(self._crops, seed)
            draws = BatchOrder(self.task.sample_count, _SHOWN_CROPS, seed).draws(0)
            shown = self.task.draw_crops([crops[draw] for draw in draws])
            log.picture('crops', shown, self.steps_taken)


def _deciding(scores: ValidationScores) -> tuple[str, float]:
    """Return name and value of the score that decides which weights are the best."""
    return next(iter(scores.summary.items()))


def _starved(waiting_share: float, workers: int) -> str:
    return (
        f'the data loader is the bottleneck: training waits for crops {100 * waiting_share:.0f} % '
        f'of the time with {workers} worker process(es); try --workers {workers + 1}, or less '
        'augmentation'
    )
