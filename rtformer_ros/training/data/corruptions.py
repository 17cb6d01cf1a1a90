# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Corrupt an image as weather, light and cheap cameras do (ImageNet-C, arXiv 1903.12261)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.training.data.sample_store import ImageHwc
from rtformer_ros.training.recipe import CorruptionRecipe

Corruption = Callable[[ImageHwc, np.random.Generator], ImageHwc]
FieldHw = npt.NDArray[np.float32]


def corrupt(image_hwc: ImageHwc, recipe: CorruptionRecipe, rng: np.random.Generator) -> ImageHwc:
    """Return an image, RGB uint8 [h, w, 3], with some corruptions: of light, air, then camera."""
    corruptions: tuple[tuple[float, Corruption], ...] = (
        (recipe.shadow_chance, shadow),
        (recipe.glare_chance, glare),
        (recipe.fog_chance, fog),
        (recipe.rain_chance, rain),
        (recipe.blur_chance, blur),
        (recipe.noise_chance, noise),
        (recipe.jpeg_chance, jpeg),
    )
    for chance, corruption in corruptions:
        if rng.random() < chance:
            image_hwc = corruption(image_hwc, rng)
    return image_hwc


def shadow(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image with a darker, or lighter, polygon of blurred edges."""
    height, width = image_hwc.shape[:2]
    mask = np.zeros((height, width), np.float32)
    corners = rng.uniform(-0.2, 1.2, (int(rng.integers(3, 6)), 2)) * (width, height)
    cv2.fillPoly(mask, [cv2.convexHull(corners.astype(np.int32))], (1.0,))
    mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(1, 12)))  # type: ignore[assignment]
    gain = np.exp2(rng.uniform(-1.6, 0.4))
    return _scaled(image_hwc, 1 + mask * np.float32(gain - 1))


def glare(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image with a bright disc that fades outwards, as from a low sun or a lamp."""
    height, width = image_hwc.shape[:2]
    x0, y0 = rng.uniform(0, width), rng.uniform(0, 0.7 * height)
    y, x = np.ogrid[:height, :width]
    radius = rng.uniform(0.1, 0.5) * width
    distance2 = ((x - x0) ** 2 + (y - y0) ** 2).astype(np.float32)
    light = np.exp(-distance2 / np.float32(2 * radius**2)) * np.float32(rng.uniform(0.3, 0.9))
    color = np.array([255, rng.uniform(220, 255), rng.uniform(170, 255)], np.float32)
    return _blended(image_hwc, color, light)


def fog(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image behind patchy fog that is denser towards the top, where the far is."""
    height, width = image_hwc.shape[:2]
    patches = smooth_field(height, width, rng)
    towards_top = np.linspace(1.0, 0.3, height, dtype=np.float32)[:, None]
    density = towards_top * (0.6 + 0.4 * patches) * np.float32(rng.uniform(0.2, 0.8))
    level = rng.uniform(150, 245)
    color = np.clip(level + rng.uniform(-12, 12, 3), 0, 255).astype(np.float32)
    return _blended(image_hwc, color, density)


def rain(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image with slanting bright streaks over a slightly dimmed scene."""
    height, width = image_hwc.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slant, length = rng.uniform(-0.5, 0.5), rng.uniform(6, 22)
    starts = rng.uniform((0, -length), (width, height), (int(rng.integers(80, 500)), 2))
    ends = starts + length * np.array([slant, 1.0])
    lines = np.stack([starts, ends], axis=1).astype(np.int32)
    cv2.polylines(streaks, list(lines), isClosed=False, color=(255,))
    light = cv2.GaussianBlur(streaks, (3, 3), 0).astype(np.float32) / 255
    dimmed = _scaled(image_hwc, np.float32(rng.uniform(0.75, 1.0)))
    return _blended(dimmed, np.full(3, 220, np.float32), light * np.float32(rng.uniform(0.2, 0.7)))


def blur(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image out of focus, or moved while the shutter was open."""
    if rng.random() < 0.6:
        sigma = float(rng.uniform(0.4, 1.8))
        return cv2.GaussianBlur(image_hwc, (0, 0), sigma)  # type: ignore[return-value]
    length = int(rng.integers(3, 10)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), length // 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    first, last = np.round(middle - reach).astype(int), np.round(middle + reach).astype(int)
    cv2.line(kernel, first.tolist(), last.tolist(), (1.0,))
    return cv2.filter2D(image_hwc, -1, kernel / kernel.sum())  # type: ignore[return-value]


def noise(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image with Gaussian noise a pixel, the same for all channels or not."""
    channels = 1 if rng.random() < 0.5 else 3
    spread = np.float32(rng.uniform(2, 20))
    shape = (*image_hwc.shape[:2], channels)
    noisy = image_hwc + rng.standard_normal(shape, dtype=np.float32) * spread
    return _to_bytes(noisy)


def jpeg(image_hwc: ImageHwc, rng: np.random.Generator) -> ImageHwc:
    """Return an image as JPEG of low quality leaves it."""
    quality = int(rng.integers(15, 70))
    _, content = cv2.imencode('.jpg', image_hwc, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)  # type: ignore[return-value]


def smooth_field(height: int, width: int, rng: np.random.Generator) -> FieldHw:
    """Return smooth random numbers of 0 to 1, float32 [height, width]."""
    coarse = rng.random((int(rng.integers(2, 6)), int(rng.integers(2, 8))), dtype=np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(field, 0, 1)


def _scaled(image_hwc: ImageHwc, gain: FieldHw | np.float32) -> ImageHwc:
    if isinstance(gain, np.ndarray):
        gain = gain[..., None]
    return _to_bytes(image_hwc * gain)


def _blended(image_hwc: ImageHwc, color: FieldHw, share_hw: FieldHw) -> ImageHwc:
    share = share_hw[..., None]
    return _to_bytes(image_hwc + (color - image_hwc) * share)


def _to_bytes(image: npt.NDArray[Any]) -> ImageHwc:
    return np.clip(image, 0, 255).astype(np.uint8)
