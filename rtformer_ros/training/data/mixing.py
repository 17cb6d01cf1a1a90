# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Mix pairs of images of a batch, and their targets: mixup and CutMix."""

from __future__ import annotations

import numpy as np
from rtformer_ros.training.recipe import MixingRecipe
import torch
from torch import Tensor

Box = tuple[int, int, int, int]
"""The rectangle [top:bottom, left:right] of an image, in pixels."""


def mixed(
    images_nhwc: Tensor, targets: Tensor, recipe: MixingRecipe, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """
    Return a batch each of whose images is mixed with the one before it, all in the same way.

    images_nhwc: 0 to 255, [n, h, w, 3]; targets: float [n, classes], shares that add up to 1.
    """
    alphas = {'mixup': recipe.mixup_alpha, 'cutmix': recipe.cutmix_alpha}
    ways = [way for way, alpha in alphas.items() if alpha > 0]
    if not ways or len(images_nhwc) < 2 or rng.random() >= recipe.chance:
        return images_nhwc, targets
    way = ways[int(rng.integers(len(ways)))]
    share = float(rng.beta(alphas[way], alphas[way]))
    if way == 'mixup':
        return mixup(images_nhwc, targets, share)
    height, width = images_nhwc.shape[1:3]
    return cutmix(images_nhwc, targets, random_box(height, width, 1 - share, rng))


def mixup(images_nhwc: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """
    Return share * each image + (1 - share) * the one before it, and targets likewise.

    The images become float. Source: arXiv 1710.09412.
    """
    images = images_nhwc.float()
    return (
        torch.lerp(images.roll(1, 0), images, share),
        torch.lerp(targets.roll(1, 0), targets, share),
    )


def cutmix(images_nhwc: Tensor, targets: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """
    Return images with a rectangle of the one before each; targets mixed by its share of pixels.

    Source: arXiv 1905.04899.
    """
    top, bottom, left, right = box
    images = images_nhwc.clone()
    images[:, top:bottom, left:right] = images_nhwc.roll(1, 0)[:, top:bottom, left:right]
    height, width = images_nhwc.shape[1:3]
    share = 1 - (bottom - top) * (right - left) / (height * width)
    return images, torch.lerp(targets.roll(1, 0), targets, share)


def random_box(height: int, width: int, area_share: float, rng: np.random.Generator) -> Box:
    """
    Return a rectangle of an image's shape around a random pixel, cut off at the borders.

    area_share: 0..1, of the image, before it is cut off.
    """
    side = area_share**0.5
    y, x = rng.integers(height), rng.integers(width)
    half_height, half_width = round(side * height) // 2, round(side * width) // 2
    return (
        max(0, int(y) - half_height),
        min(height, int(y) + half_height),
        max(0, int(x) - half_width),
        min(width, int(x) + half_width),
    )
