# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Describe a network family: what checkpoints, export and training need to know of its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rtformer_ros.network.architecture import Architecture
from rtformer_ros.network.blocks import spatial_size, upsample
from rtformer_ros.network.quantisation.group_precision import GroupPrecision
from torch import nn, Tensor

Logits = Tensor | tuple[Tensor, Tensor]
"""Logits [n, classes, h, w]; in training mode, where there is an auxiliary head, also its own."""


NetworkTask = Literal['segmentation', 'classification']
"""Whether a network classifies each pixel, or an image as a whole."""


class Network(nn.Module):
    """A network of one of the families, which reads RGB normalised with MEAN_RGB and STD_RGB."""

    architecture: Architecture
    bit_widths: tuple[int, ...] = ()
    """Precisions of a layered network, in bits, the highest first; none of others."""
    group_precision: GroupPrecision | None = None
    """What the parallel groups of the network are, where it has some."""

    @property
    def family(self) -> NetworkFamily:
        """Return the family that the network is of."""
        raise NotImplementedError


class SegmentationNetwork(Network):
    """Classify each pixel of images, as one family of networks does it."""

    def forward(self, images: Tensor) -> Logits:
        """
        Return logits at the size of the images.

        images: float [n, 3, h, w], RGB, normalised with MEAN_RGB and STD_RGB; any h and w.
        In eval mode, and without an auxiliary head: logits float [n, num_classes, h, w].
        In training mode with one: that and the auxiliary logits, of the same shape.
        """
        size = spatial_size(images)
        logits, auxiliary = self.head_logits(images)
        full = _enlarged(logits, size)
        return full if auxiliary is None else (full, _enlarged(auxiliary, size))

    def small_logits(self, images: Tensor) -> Tensor:
        """Return the logits of `forward` before they are enlarged bilinearly, in eval mode."""
        return self.head_logits(images)[0]

    def head_logits(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """
        Return the logits of the main and of the auxiliary head, float [n, num_classes, h', w'].

        Of any size h' x w', from which `forward` enlarges them; what auxiliary_logits returns is
        the second.
        """
        raise NotImplementedError

    def auxiliary_logits(self, head: nn.Module | None, features: Tensor) -> Tensor | None:
        """Return what an auxiliary head makes of features; None without one, and in eval mode."""
        return head(features) if self.training and head is not None else None


class HeadLogits(nn.Module):
    """What a segmentation network's heads say, not enlarged: a loss needs few pixels of it."""

    def __init__(self, network: SegmentationNetwork) -> None:
        """Share the network, in whose mode it computes."""
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Logits:
        """Return what the network's forward returns, at the size that each head has."""
        logits, auxiliary = self.network.head_logits(images)
        return logits if auxiliary is None else (logits, auxiliary)


class ClassificationNetwork(Network):
    """
    Classify images as a whole, as one family of networks does it; its backbone can segment.

    forward: normalised float [n, 3, h, w], to logits [n, classes].
    """


def _enlarged(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return logits if spatial_size(logits) == size else upsample(logits, size)


@dataclass(frozen=True)
class NormPlace:
    """
    A batch norm that folds into the weights beside it, wherever a module of this class stands.

    owner: class of the module that holds both; norm, weights: names of its attributes.
    """

    owner: type[nn.Module]
    norm: str
    weights: str


@dataclass(frozen=True)
class NetworkFamily:
    """
    Networks that are built of the same layers for one task: one row of the registry.

    name: what checkpoints call it; title: what messages call it. variants: the variant to build,
    by the public name of the network. task: what its networks do; a family that does both has a
    row for each.

    build: makes a network as published, called with (variant, num_classes) and with options by
    name, among them bn_momentum and, to segment, aux_head; raises ConfigError for values that
    cannot be.
    architecture: class of its settings; network: makes the network that they describe.

    own_weights: returns weights by the names and in the layout of the network, where a file has
    those of the reference; it leaves all others as they are. marks: names of weights that no
    other family has (those of one for classification begin with those of its backbone), by which
    a file is recognised. settings_of: returns the arguments of `architecture` that the weights of
    a file show; raises CheckpointError, naming the key at fault, for weights of another network.
    Of a backbone alone, the heads are the smallest.

    head_prefixes: of the names of weights that are trained for segmentation alone: a backbone's
    file leaves them out, and they may learn at another rate. first_layer: the convolution that
    reads the image; last_layer: the convolution, or linear layer, with a bias that returns the
    logits.

    training_only: modules that inference does not run, None where a network lacks them.
    norms_after: norms that read a convolution which nothing else reads. norms_before_softmax:
    norms in front of a 1x1 kernel whose products go through a softmax over space, which loses
    the shift. Neighbours in an nn.Sequential fold without being named. parallel: modules that
    can be made of parallel groups of low precision; see parallelise.
    """

    name: str
    title: str
    variants: Mapping[str, str]
    build: Callable[..., Network]
    architecture: type[Architecture]
    network: Callable[[Any], Network]
    marks: tuple[str, ...]
    settings_of: Callable[[Mapping[str, Tensor]], dict[str, Any]]
    head_prefixes: tuple[str, ...]
    first_layer: str
    last_layer: str
    task: NetworkTask = 'segmentation'
    own_weights: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = dict
    training_only: tuple[str, ...] = ()
    norms_after: tuple[NormPlace, ...] = ()
    norms_before_softmax: tuple[NormPlace, ...] = ()
    parallel: tuple[str, ...] = ()

    def has_head(self, state: Mapping[str, Tensor]) -> bool:
        """Tell whether weights, by our names, are of a whole network, not of a backbone alone."""
        return f'{self.last_layer}.weight' in state
