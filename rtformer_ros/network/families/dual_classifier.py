# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Classify images as a whole from a high and a low branch, as DDRNet's authors do on ImageNet."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import conv_norm, halving_conv
from rtformer_ros.network.family import ClassificationNetwork
from torch import nn, Tensor
import torch.nn.functional as F

DUAL_CLASSIFIER_PREFIXES = ('down5.', 'last_layer.', 'linear.')
"""Of the names of the weights that only classify."""


class DualBranchClassifier(ClassificationNetwork):
    """What a network of two branches needs beside them to classify images."""

    def add_classifier(
        self, high: int, low: int, last_channels: int, num_classes: int, momentum: float
    ) -> None:
        """
        Build the layers.

        high, low: channels of the branches; last_channels: of the features that are averaged.
        """
        inner = 2 * high
        self.down5 = nn.Sequential(
            *conv_norm(halving_conv(high, inner), momentum),
            nn.ReLU(),
            *conv_norm(halving_conv(inner, low), momentum),
        )
        self.last_layer = nn.Sequential(
            *conv_norm(nn.Conv2d(low, last_channels, 1, bias=False), momentum),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.linear = nn.Linear(last_channels, num_classes)

    def classify(self, high: Tensor, low: Tensor) -> Tensor:
        """Return logits [n, classes] for maps [n, high, h, w] and [n, low, h/4, w/4]."""
        features = self.last_layer(F.relu(low + self.down5(F.relu(high))))
        return cast('Tensor', self.linear(features.flatten(1)))
