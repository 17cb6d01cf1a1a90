# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lead a run from its first step, or from where it stopped, to its last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError
from rtformer_ros.network.family import SegmentationNetwork
from rtformer_ros.network.registry import build_network, options_of
from rtformer_ros.network.weights.checkpoint import Checkpoint, save_checkpoint
from rtformer_ros.training.data.augment import Augmenter
from rtformer_ros.training.data.batches import BatchOrder, Crops, load_batches
from rtformer_ros.training.data.sample_store import SampleStore
from rtformer_ros.training.learner import Learner
from rtformer_ros.training.losses import class_weights
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe_file import recipe_to_dict
from rtformer_ros.training.run.initial_weights import initialize
from rtformer_ros.training.run.pictures import draw_rows
from rtformer_ros.training.run.run_log import RunLog
from rtformer_ros.training.run.run_setup import RunSetup
from rtformer_ros.training.run.run_state import load_state, RunState
from rtformer_ros.training.run.step_clock import StepClock
from rtformer_ros.training.run.validation import predict, validate
import torch
from torch import nn

LAST_WEIGHTS, BEST_WEIGHTS = 'last.safetensors', 'best.safetensors'
_SHOWN_SAMPLES = 4
_SHOWN_CROPS = 8
_WATCH_EVERY = 200


class Stoppable(Protocol):
    """Something that may ask the run to end."""

    @property
    def is_set(self) -> bool:
        """Return whether the run is to end after the step it is in."""
        ...


@dataclass(frozen=True)
class RunData:
    """What a run reads: training and validation samples, and the processes that make crops."""

    train: SampleStore
    val: SampleStore
    workers: int = 1


class TrainingRun:
    """A network that is trained as a setup says, in a folder."""

    def __init__(
        self,
        setup: RunSetup,
        data: RunData,
        folder: Path,
        group: ProcessGroup,
        *,
        init: Path | None = None,
        resume: bool = False,
    ) -> None:
        """
        Build the network anew, from the weights in `init`, or resume what is in `folder`.

        Raises ConfigError for a batch that the processes cannot share evenly, CheckpointError for
        weights that do not fit.
        """
        if setup.recipe.batch_size % group.world_size:
            raise ConfigError(
                f'a batch of {setup.recipe.batch_size} cannot be shared evenly by '
                f'{group.world_size} processes; change --batch-size'
            )
        self.setup, self.data, self.folder, self.group = setup, data, folder, group
        weights = class_weights(data.train.class_shares(), setup.recipe.loss.class_weight_power)
        network = _fresh_network(setup)
        self.copied_weights, self.fresh_weights = 0, list[str]()
        if init is not None:
            self.copied_weights, self.fresh_weights = initialize(network, init)
        self.learner = Learner(network, setup.recipe, weights, group)
        self.steps_taken, self.best_mean_iou = 0, -1.0
        if resume:
            state = load_state(folder, group.device)
            self.learner.restore(dict(state.learner))
            self.steps_taken, self.best_mean_iou = state.step, state.best_mean_iou
        self.clock = StepClock()
        self._augmenter = Augmenter(data.train, setup.recipe)

    def steps(self) -> Iterator[tuple[int, float]]:
        """Take the steps that are left, yielding (steps taken, loss) after each; write nothing."""
        recipe, group = self.setup.recipe, self.group
        order = BatchOrder(
            len(self.data.train), recipe.batch_size, recipe.seed, group.rank, group.world_size
        )
        first, last = self.steps_taken, recipe.steps
        batches = load_batches(
            self._augmenter,
            order,
            first,
            last,
            self.data.workers,
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
                log.say(_starved(self.clock.waiting_share, self.data.workers))
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
        scores = validate(network, learner.normalized, self.data.val, self.group)
        log.scores(step, scores)
        if not self.group.is_first:
            return
        log.picture('val', self._picture_of_val(network), step)
        self._keep(LAST_WEIGHTS, scores.mean_iou)
        if scores.mean_iou > self.best_mean_iou:
            self.best_mean_iou = scores.mean_iou
            self._keep(BEST_WEIGHTS, scores.mean_iou)

    def _keep(self, name: str, mean_iou: float) -> None:
        """Write the averaged weights as a model that can be exported and used."""
        notes = {
            'dataset': self.data.train.dataset.name,
            'steps': str(self.steps_taken),
            'val_mean_iou': f'{mean_iou:.4f}',
            'recipe': json.dumps(recipe_to_dict(self.setup.recipe)),
        }
        shares = self.data.train.class_shares()
        checkpoint = Checkpoint.of(
            self.learner.average.network,
            labels=self.setup.labels,
            notes=notes,
            class_shares=tuple(shares.tolist()) if shares.any() else None,
        )
        save_checkpoint(checkpoint, self.folder / name)

    def _save(self) -> None:
        if self.group.is_first:
            state = RunState(self.steps_taken, self.learner.state(), self.best_mean_iou)
            state.save(self.folder)

    def _any_wants(self, stop: Stoppable) -> bool:
        wishes = torch.tensor(float(stop.is_set), device=self.group.device)
        return bool(self.group.total(wishes) > 0)

    def _show_crops(self, log: RunLog) -> None:
        if self.group.is_first:
            crops = Crops(self._augmenter, self.setup.recipe.seed)
            draws = BatchOrder(len(self.data.train), _SHOWN_CROPS, self.setup.recipe.seed).draws(0)
            pairs = [crops[draw] for draw in draws]
            rows = [(image.numpy(), [label.numpy()]) for image, label in pairs]
            log.picture('crops', draw_rows(rows, self.setup.labels), self.steps_taken)

    def _picture_of_val(self, network: nn.Module) -> npt.NDArray[np.uint8]:
        """Return image, prediction and truth of a few validation samples."""
        rows = []
        for index in np.linspace(0, len(self.data.val) - 1, _SHOWN_SAMPLES).astype(int):
            image, label = self.data.val.load(int(index))
            batch = torch.from_numpy(image)[None]
            predicted = predict(network, self.learner.normalized, batch)[0]
            rows.append((image, [predicted.cpu().numpy().astype(np.uint8), label]))
        return draw_rows(rows, self.setup.labels)


def network_options(setup: RunSetup) -> dict[str, Any]:
    """
    Return the options of build_network that a setup asks for, but for aux_head.

    Recipes are written for RTFormer: settings that another network lacks are left out.
    """
    known, given = options_of(setup.network), asdict(setup.recipe.network)
    return {name: given[name] for name in given if name in known and given[name] is not None}


def _fresh_network(setup: RunSetup) -> SegmentationNetwork:
    """Return the network of a setup with fresh weights, which its seed decides."""
    torch.manual_seed(setup.recipe.seed)
    aux_head, options = setup.recipe.loss.aux_weight > 0, network_options(setup)
    return build_network(setup.network, len(setup.labels), aux_head=aux_head, **options)


def _starved(waiting_share: float, workers: int) -> str:
    return (
        f'the data loader is the bottleneck: training waits for crops {100 * waiting_share:.0f} % '
        f'of the time with {workers} worker process(es); try --workers {workers + 1}, or less '
        'augmentation'
    )
