# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Distort the colours of an image.

Any such change is a 3x3 matrix that mixes channels and one curve a channel, both drawn at random.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.training.data.sample_store import ImageHwc, LabelHw
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.recipe import ColorRecipe

ChannelMatrix = npt.NDArray[np.float64]

_LUMA = np.array([0.299, 0.587, 0.114])
_CROSS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
_WILD = ColorRecipe(brightness=0.2, contrast=0.3, saturation=0.8, hue_deg=180, gamma=0.5, cast=0.6)


def distort_colors(
    image_hwc: ImageHwc, label_hw: LabelHw, recipe: ColorRecipe, rng: np.random.Generator
) -> ImageHwc:
    """Return an image, RGB uint8 [h, w, 3], with colours as if seen by another camera."""
    if rng.random() < recipe.class_chance:
        image_hwc = _tint_classes(image_hwc, label_hw, rng)
    if rng.random() >= recipe.chance:
        return image_hwc
    matrix = _saturation_and_hue(recipe, rng)
    if rng.random() < recipe.wild_chance:
        matrix = _channel_mix(rng) @ matrix
    if rng.random() < recipe.gray_chance:
        matrix = saturation_matrix(0.0) @ matrix
    return apply_color(image_hwc, matrix, _curves(recipe, rng))


def apply_color(image_hwc: ImageHwc, matrix: ChannelMatrix, curves: ImageHwc) -> ImageHwc:
    """Return an image after one curve a channel, uint8 [256, 3], and a channel matrix [3, 3]."""
    curved = cv2.LUT(image_hwc, curves[None])
    return cv2.transform(curved, matrix)  # type: ignore[return-value]


def saturation_matrix(factor: float) -> ChannelMatrix:
    """Return the matrix that keeps luma (BT.601) and scales what differs from grey."""
    matrix: ChannelMatrix = factor * np.eye(3) + (1 - factor) * np.tile(_LUMA, (3, 1))
    return matrix


def hue_matrix(angle_deg: float) -> ChannelMatrix:
    """Return the turn of RGB space around its grey axis."""
    angle = np.deg2rad(angle_deg)
    matrix: ChannelMatrix = (
        np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) / 3 + np.sin(angle) * _CROSS
    )
    return matrix


def _saturation_and_hue(recipe: ColorRecipe, rng: np.random.Generator) -> ChannelMatrix:
    factor = 1 + rng.uniform(-1, 1) * recipe.saturation
    matrix: ChannelMatrix = hue_matrix(rng.uniform(-1, 1) * recipe.hue_deg) @ saturation_matrix(
        factor
    )
    return matrix


def _channel_mix(rng: np.random.Generator) -> ChannelMatrix:
    """Return rows of random shares: channels swapped, copied or averaged; grey stays grey."""
    share = rng.uniform(0.2, 1.0)
    matrix: ChannelMatrix = (1 - share) * np.eye(3) + share * rng.dirichlet((0.4,) * 3, size=3)
    return matrix


def _curves(recipe: ColorRecipe, rng: np.random.Generator) -> ImageHwc:
    """Return gain a channel, then gamma, contrast around mid-grey and brightness, [256, 3]."""
    levels = np.linspace(0, 1, 256)[:, None]
    gains = np.exp2(rng.uniform(-1, 1, 3) * recipe.cast)
    gains /= gains.mean()
    exponent = np.exp2(rng.uniform(-1, 1) * recipe.gamma)
    contrast = 1 + rng.uniform(-1, 1) * recipe.contrast
    brightness = 1 + rng.uniform(-1, 1) * recipe.brightness
    curves = ((np.clip(levels * gains, 0, 1) ** exponent - 0.5) * contrast + 0.5) * brightness
    rounded: ImageHwc = (np.clip(curves, 0, 1) * 255).round().astype(np.uint8)
    return rounded


def _tint_classes(image_hwc: ImageHwc, label_hw: LabelHw, rng: np.random.Generator) -> ImageHwc:
    """Return an image in which each of one or two classes has colours of its own."""
    present = np.unique(label_hw)
    present = present[present != IGNORED]
    if present.size == 0:
        return image_hwc
    tinted = image_hwc.copy()
    for class_id in rng.choice(present, size=min(present.size, int(rng.integers(1, 3)))):
        matrix = _saturation_and_hue(_WILD, rng)
        own = apply_color(image_hwc, matrix, _curves(_WILD, rng))
        np.copyto(tinted, own, where=(label_hw == class_id)[..., None])
    return tinted
