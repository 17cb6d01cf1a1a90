# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Start of a quantised run: give a network quantisers, whose ranges first crops decide."""

from __future__ import annotations

from rtformer_ros.deploy.quantised.quantisable_convolutions import quantisable_convolutions
from rtformer_ros.network.family import Network, SegmentationNetwork
from rtformer_ros.network.quantisation.layered_network import largest_inputs, layer_network
from rtformer_ros.network.quantisation.parallel.parallel_network import (
    observe_ranges,
    parallelise,
)
from rtformer_ros.training.data.batches import BatchOrder, CropMaker, Crops
from rtformer_ros.training.recipe import QuantisationRecipe, Recipe
import torch
from torch import Tensor


def first_crops(maker: CropMaker, sample_count: int, recipe: Recipe) -> Tensor:
    """Return the crops, uint8 [n, h, w, 3], that a run begins with; alike in any process."""
    crops = Crops(maker, recipe.seed)
    draws = BatchOrder(sample_count, recipe.quantisation.observed_crops, recipe.seed).draws(0)
    return torch.stack([crops[draw][0] for draw in draws])


def prepare_quantisers(network: Network, recipe: QuantisationRecipe, crops: Tensor | None) -> None:
    """
    Turn a network into a layered one, or make parallel groups of it.

    crops: what ranges of inputs are measured on; None leaves them to the state of a run. Raises
    ConfigError for a network that has no form of parallel groups.
    """
    assert isinstance(network, SegmentationNetwork)
    was_training = network.training
    network.eval()
    if recipe.kind == 'parallel':
        parallelise(network, recipe.group_precision)
        if crops is not None:
            observe_ranges(network, crops)
    else:
        _prepare_layers(network, recipe, crops)
    network.train(was_training)


def _prepare_layers(
    network: SegmentationNetwork, recipe: QuantisationRecipe, crops: Tensor | None
) -> None:
    names = quantisable_convolutions(network)
    largest = dict.fromkeys(names, 1.0)
    if crops is not None:
        largest = largest_inputs(network, names, (crop[None] for crop in crops))
    layer_network(network, largest, recipe.bits)
