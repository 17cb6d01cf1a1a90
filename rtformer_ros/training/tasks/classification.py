# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Train a network to classify images as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rtformer_ros.network.family import Logits, Network
from rtformer_ros.network.registry import build_classifier
from rtformer_ros.network.weights.checkpoint import Checkpoint
from rtformer_ros.training.data.image_crop import ImageAugmenter, middle_crop
from rtformer_ros.training.data.image_store import ImageStore
from rtformer_ros.training.data.mixing import mixed
from rtformer_ros.training.data.sample_store import ImageHwc
from rtformer_ros.training.losses import LossTerms, soft_cross_entropy_terms
from rtformer_ros.training.metrics import ClassificationScores
from rtformer_ros.training.process_group import ProcessGroup
from rtformer_ros.training.tasks.image_scores import score_images
from rtformer_ros.training.tasks.pictures import draw_captioned
from rtformer_ros.training.tasks.task import network_options, Normalized, StoredTask
import torch
from torch import nn, Tensor
import torch.nn.functional as F

_SHOWN_IMAGES = 8
_MIXING = 2
"""Tells the random numbers of mixing from those of batches."""


@dataclass(frozen=True)
class ClassificationTask(StoredTask[ImageStore]):
    """A TrainingTask whose labels are class ids, int64 []; train and val share classes."""

    @property
    def crops(self) -> ImageAugmenter:
        """Return what makes random crops."""
        return ImageAugmenter(self.train, self.recipe)

    def fresh_network(self, name: str) -> Network:
        """Return a classifier whose backbone has the names of the segmentation network's."""
        options = network_options(name, self.recipe.network, 'classification')
        return build_classifier(name, len(self._names), **options)

    def batch(
        self, images_nhwc: Tensor, labels: Tensor, step: int, rank: int
    ) -> tuple[Tensor, Tensor]:
        """Return images mixed in pairs, and targets float [n, classes], without smoothing."""
        targets = F.one_hot(labels, len(self._names)).float()
        rng = np.random.default_rng((self.recipe.seed, _MIXING, step, rank))
        return mixed(images_nhwc, targets, self.recipe.mixing, rng)

    def terms(
        self, outputs: Logits, targets: Tensor, _step: int
    ) -> tuple[list[LossTerms], list[float]]:
        """Return the cross entropy with smoothed targets."""
        assert isinstance(outputs, Tensor)
        weights = self._class_weights.to(targets.device)
        smoothing = self.recipe.loss.label_smoothing
        return [soft_cross_entropy_terms(outputs, targets, weights, smoothing)], [1.0]

    def scores(
        self, network: nn.Module, normalized: Normalized, group: ProcessGroup
    ) -> ClassificationScores:
        """Return the scores on the middle of each validation image."""
        return score_images(
            lambda images: network(normalized(images)),
            self.val,
            (self.recipe.crop.height, self.recipe.crop.width),
            self.recipe.image_crop.scored_share,
            group,
        )

    def checkpoint(self, network: Network, notes: Mapping[str, str]) -> Checkpoint:
        """Return a network's weights with the names of its classes and their shares."""
        return Checkpoint.of(
            network,
            notes=notes,
            class_names=self._names,
            class_shares=tuple(self.train.class_shares().tolist()),
        )

    def draw_crops(self, crops: Sequence[tuple[Tensor, Tensor]]) -> ImageHwc:
        """Draw crops as the first step mixes them, with the class that most of each is of."""
        images, labels = (torch.stack(each) for each in zip(*crops, strict=True))
        batch, targets = self.batch(images, labels, 0, 0)
        shares, classes = targets.max(dim=1)
        percentages = (100 * shares).round().int().tolist()
        pictures = batch.round().to(torch.uint8).numpy()
        captions = [
            self._names[class_id] + (f' {percentage} %' if percentage < 100 else '')
            for class_id, percentage in zip(classes.tolist(), percentages, strict=True)
        ]
        return draw_captioned(list(zip(captions, pictures, strict=True)))

    @torch.inference_mode()
    def draw_val(self, network: nn.Module, normalized: Normalized) -> ImageHwc:
        """Draw a few validation images with the likeliest class and, if it is another, theirs."""
        crop, share = self.recipe.crop, self.recipe.image_crop.scored_share
        panels = []
        for index in np.linspace(0, len(self.val) - 1, _SHOWN_IMAGES).astype(int):
            image, class_id = self.val.load(int(index))
            shown = middle_crop(image, crop.height, crop.width, share)
            predicted = int(network(normalized(torch.from_numpy(shown)[None])).argmax())
            caption = self._names[predicted]
            if predicted != class_id:
                caption += f' (is {self._names[class_id]})'
            panels.append((caption, shown))
        return draw_captioned(panels)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.train.dataset.class_names
