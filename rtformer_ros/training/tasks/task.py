# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe what a training run asks of its task; the loop itself is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from rtformer_ros.network.family import Network, NetworkTask
from rtformer_ros.network.registry import options_of
from rtformer_ros.network.weights.checkpoint import Checkpoint
from rtformer_ros.training.data.batches import CropMaker
from rtformer_ros.training.data.sample_store import ImageHwc
from rtformer_ros.training.learner import Objective
from rtformer_ros.training.losses import class_weights
from rtformer_ros.training.metrics import ValidationScores
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.recipe import NetworkRecipe, Recipe
from torch import nn, Tensor

Normalized = Callable[[Tensor], Tensor]
"""From images uint8 [n, h, w, 3] to what the network reads."""


class TrainingTask(Objective, Protocol):
    """What is trained on, scored and shown; from samples that were found to be whole."""

    @property
    def dataset_name(self) -> str:
        """Return what is trained on, as messages call it."""
        ...

    @property
    def sample_count(self) -> int:
        """Return the number of training samples."""
        ...

    @property
    def crops(self) -> CropMaker:
        """Return what makes training crops; raises ConfigError for a recipe that cannot be."""
        ...

    def fresh_network(self, name: str) -> Network:
        """Return a network by its public name, in training mode."""
        ...

    def scores(
        self, network: nn.Module, normalized: Normalized, group: ProcessGroup
    ) -> ValidationScores:
        """Return the scores of a network in eval mode; all processes get those of all."""
        ...

    def checkpoint(self, network: Network, notes: Mapping[str, str]) -> Checkpoint:
        """Return a network's weights with what the data says about its classes."""
        ...

    def draw_crops(self, crops: Sequence[tuple[Tensor, Tensor]]) -> ImageHwc:
        """Draw training crops and what they are to be taken for."""
        ...

    def draw_val(self, network: nn.Module, normalized: Normalized) -> ImageHwc:
        """Draw a few validation images, what the network takes them for, and the truth."""
        ...


class Named(Protocol):
    """A data set."""

    @property
    def name(self) -> str:
        """Return its name and its split."""
        ...


class Store(Protocol):
    """The samples of a split, of one kind of label or another."""

    @property
    def dataset(self) -> Named:
        """Return the data set that they are of."""
        ...

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def class_shares(self) -> npt.NDArray[np.float64]:
        """Return each class's share of all labels [classes]."""
        ...


_StoreT = TypeVar('_StoreT', bound=Store)


@dataclass(frozen=True)
class StoredTask(Generic[_StoreT]):
    """What tasks have in common whose samples lie in stores; train and val share classes."""

    train: _StoreT
    val: _StoreT
    recipe: Recipe

    @property
    def dataset_name(self) -> str:
        """Return the name of the data set and its split."""
        return self.train.dataset.name

    @property
    def sample_count(self) -> int:
        """Return the number of training samples."""
        return len(self.train)

    @cached_property
    def _class_weights(self) -> Tensor:
        return class_weights(self.train.class_shares(), self.recipe.loss.class_weight_power)


def network_options(
    name: str, recipe: NetworkRecipe, task: NetworkTask = 'segmentation'
) -> dict[str, Any]:
    """
    Return the options of a network's builder that a recipe asks for, but for aux_head.

    Recipes are written for RTFormer: settings that another network lacks are left out.
    """
    known, given = options_of(name, task), asdict(recipe)
    return {
        option: given[option] for option in given if option in known and given[option] is not None
    }
