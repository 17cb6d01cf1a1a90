# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Train a network to classify each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rtformer_ros.network.family import Logits, Network
from rtformer_ros.network.registry import build_network
from rtformer_ros.network.weights.checkpoint import Checkpoint
from rtformer_ros.training.data.augment import Augmenter
from rtformer_ros.training.data.sample_store import ImageHwc, SampleStore
from rtformer_ros.training.losses import (
    cross_entropy_terms,
    LossTerms,
    lovasz_terms,
    sampled,
)
from rtformer_ros.training.metrics import Scores
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.tasks.pictures import draw_rows
from rtformer_ros.training.tasks.task import network_options, Normalized, StoredTask
from rtformer_ros.training.tasks.validation import predict, validate
import torch
from torch import nn, Tensor

_SHOWN_SAMPLES = 4


@dataclass(frozen=True)
class SegmentationTask(StoredTask[SampleStore]):
    """A TrainingTask whose labels are class maps, uint8 [h, w]; train and val share classes."""

    @cached_property
    def crops(self) -> Augmenter:
        """Return what makes crops; raises ConfigError for a class to paste that is none."""
        return Augmenter(self.train, self.recipe)

    def fresh_network(self, name: str) -> Network:
        """Return a segmentation network, with an auxiliary head where the loss has one."""
        return build_network(
            name,
            len(self.train.dataset.labels),
            aux_head=self.recipe.loss.aux_weight > 0,
            **network_options(name, self.recipe.network),
        )

    def batch(
        self, images_nhwc: Tensor, labels: Tensor, _step: int, _rank: int
    ) -> tuple[Tensor, Tensor]:
        """Return the images as they are, and class maps int64 [n, h, w]."""
        return images_nhwc, labels.long()

    def terms(
        self, outputs: Logits, targets: Tensor, step: int
    ) -> tuple[list[LossTerms], list[float]]:
        """Return the cross entropy of each head, and Lovasz-softmax; their factors."""
        recipe = self.recipe.loss
        heads = outputs if isinstance(outputs, tuple) else (outputs,)
        weights = self._class_weights.to(targets.device)
        rng = np.random.default_rng((self.recipe.seed, step))
        offset = (int(rng.integers(recipe.stride)), int(rng.integers(recipe.stride)))
        terms = [
            cross_entropy_terms(*sampled(logits, targets, recipe.stride, offset), weights, recipe)
            for logits in heads
        ]
        factors = [1.0, recipe.aux_weight][: len(heads)]
        if recipe.lovasz_weight > 0:
            stride = recipe.lovasz_stride
            corner = (int(rng.integers(stride)), int(rng.integers(stride)))
            terms.append(lovasz_terms(*sampled(heads[0], targets, stride, corner)))
            factors.append(recipe.lovasz_weight)
        return terms, factors

    def scores(self, network: nn.Module, normalized: Normalized, group: ProcessGroup) -> Scores:
        """Return the scores on whole validation images."""
        return validate(network, normalized, self.val, group)

    def checkpoint(self, network: Network, notes: Mapping[str, str]) -> Checkpoint:
        """Return a network's weights with the label set and the shares of its classes."""
        shares = self.train.class_shares()
        return Checkpoint.of(
            network,
            labels=self.train.dataset.labels,
            notes=notes,
            class_shares=tuple(shares.tolist()) if shares.any() else None,
        )

    def draw_crops(self, crops: Sequence[tuple[Tensor, Tensor]]) -> ImageHwc:
        """Draw each crop beside its class map."""
        rows = [(image.numpy(), [label.numpy()]) for image, label in crops]
        return draw_rows(rows, self.train.dataset.labels)

    def draw_val(self, network: nn.Module, normalized: Normalized) -> ImageHwc:
        """Draw image, prediction and truth of a few validation samples."""
        rows = []
        for index in np.linspace(0, len(self.val) - 1, _SHOWN_SAMPLES).astype(int):
            image, label = self.val.load(int(index))
            predicted = predict(network, normalized, torch.from_numpy(image)[None])[0]
            rows.append((image, [predicted.cpu().numpy().astype(np.uint8), label]))
        return draw_rows(rows, self.train.dataset.labels)
