"""Bring a network into the form that runtimes take and run fastest."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from rtformer_ros.deploy.fuse import fold_batch_norms
from rtformer_ros.deploy.static_pooling import StaticAdaptiveMaxPool
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.rtformer import RTFormer

_LOW_BRANCH_STRIDE = 32


def exportable(network: RTFormer, height: int, width: int) -> ImageSegmenter:
    """
    Return a segmenter for images of height x width that computes what `network` does.

    Batch norms are folded, adaptive pooling is laid out for this size, and the first convolution
    takes pixels with only the mean taken off. The network itself is left as it was.
    """
    inference = fold_batch_norms(network).network
    for block in (inference.layer4, inference.layer5):
        block.cross_kv[1] = StaticAdaptiveMaxPool(
            -(-height // _LOW_BRANCH_STRIDE),
            -(-width // _LOW_BRANCH_STRIDE),
            network.architecture.cross_size,
        )
    segmenter = ImageSegmenter(inference).eval()
    _fold_input_scale(segmenter, cast('nn.Conv2d', inference.conv1[0]))
    return segmenter


def _fold_input_scale(segmenter: ImageSegmenter, first: nn.Conv2d) -> None:
    """Scale the first weights instead of the pixels; zero padding stays the mean colour."""
    assert segmenter.scale is not None
    with torch.no_grad():
        first.weight.mul_(segmenter.scale)
    segmenter.scale = None
