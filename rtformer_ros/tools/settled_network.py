# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Build networks with fresh weights that run as fast as trained ones, for those who time them.

As drawn, the running statistics of batch norms say mean 0 and variance 1, which is true of no
layer: values grow from block to block, until a softmax over them returns numbers too small for
a normal float. A CPU computes many times slower with these, and how many there are is luck.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rtformer_ros.network.family import SegmentationNetwork
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.registry import build_network
import torch
from torch import nn

_SEED = 0


def settled_network(
    name: str, num_classes: int, image_nhwc: npt.NDArray[np.uint8], **options: Any
) -> SegmentationNetwork:
    """
    Return a network in eval mode, without an auxiliary head, whose norms know an image.

    The weights are drawn with one seed; then each batch norm gets the statistics of what it reads
    of the image, so that it returns values around 0 with a variance of 1, as after a training.
    image_nhwc: uint8 [1, h, w, 3], RGB, with which the network is going to be timed; options: as
    of build_network. Raises ConfigError as that does.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = build_network(name, num_classes, **{**options, 'aux_head': False})
    segmenter = ImageSegmenter(network).eval()
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    # Two images: the mean over all of one is a single value, which has no variance.
    images_nhwc = np.concatenate([image_nhwc, image_nhwc // 2])
    with torch.no_grad():
        segmenter.logits(torch.from_numpy(images_nhwc))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()
