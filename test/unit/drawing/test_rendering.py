# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from rtformer_ros.drawing.class_colors import (
    blend_overlay,
    colorize,
    hidden_pixels,
    overlay_opacity,
)
from rtformer_ros.drawing.rendering import Rendering, RenderSettings
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.segmentation import Segmentation

LABELS = LabelSet.generic(4)
RANDOM = np.random.default_rng(1)
IDS = RANDOM.choice(np.array([0, 1, 2, 3, 255], np.uint8), (20, 30))
CONFIDENCE = RANDOM.integers(0, 256, (20, 30), np.uint8)
IMAGE = RANDOM.integers(0, 256, (20, 30, 3), np.uint8)


def drawn(method, channels: int = 3) -> np.ndarray:
    out = np.full((20, 30, 3) if channels == 3 else (20, 30), 77, np.uint8)
    method(out)
    return out


def test_mask_and_confidence_are_copied():
    rendering = Rendering(
        RenderSettings(palette_rgb(LABELS)), IMAGE, Segmentation(IDS, CONFIDENCE)
    )
    np.testing.assert_array_equal(drawn(rendering.mask, 1), IDS)
    np.testing.assert_array_equal(drawn(rendering.confidence, 1), CONFIDENCE)


@pytest.mark.parametrize('painted', [('color_mask',), ('overlay',), ('color_mask', 'overlay')])
def test_what_the_engine_painted_is_not_drawn_again(painted):
    settings = RenderSettings(palette_rgb(LABELS), overlay_alpha=0.4)
    theirs = {name: RANDOM.integers(0, 256, (20, 30, 3), np.uint8) for name in painted}
    plain = Rendering(settings, IMAGE, Segmentation(IDS, CONFIDENCE))

    def read_image():
        assert 'overlay' not in painted, 'the frame is decoded for an overlay that is there'
        return IMAGE

    rendering = Rendering(settings, read_image, Segmentation(IDS, CONFIDENCE, pictures=theirs))
    for name in ('overlay', 'color_mask', 'overlay'):
        if name in painted:
            np.testing.assert_array_equal(drawn(getattr(rendering, name)), theirs[name])
    if 'overlay' not in painted:
        own = blend_overlay(IMAGE, theirs['color_mask'], 0.4, hidden_pixels(IDS))
        np.testing.assert_array_equal(drawn(rendering.overlay), own)
    if 'color_mask' not in painted:
        np.testing.assert_array_equal(drawn(rendering.color_mask), drawn(plain.color_mask))


@pytest.mark.parametrize('alpha', [0.0, 0.4, 1.0])
def test_opacities_say_what_an_overlay_does(alpha):
    shown = np.arange(256) % 2 > 0
    opacity = overlay_opacity(alpha, shown)
    assert opacity.dtype == np.float32
    colors = colorize(IDS, palette_rgb(LABELS))
    overlay = blend_overlay(IMAGE, colors, alpha, hidden_pixels(IDS, shown))
    share = opacity[IDS][..., np.newaxis]
    assert np.abs(overlay - (IMAGE * (1 - share) + colors * share)).max() <= 0.51
    assert list(np.flatnonzero(overlay_opacity(1.0) < 1)) == [255]


@pytest.mark.parametrize('color_mask_first', [True, False])
def test_pictures_are_the_same_in_any_order(color_mask_first):
    palette = palette_rgb(LABELS)
    settings = RenderSettings(palette, overlay_alpha=0.4)
    rendering = Rendering(settings, IMAGE, Segmentation(IDS, CONFIDENCE))
    if color_mask_first:
        drawn(rendering.color_mask)
    overlay = drawn(rendering.overlay)
    np.testing.assert_array_equal(drawn(rendering.color_mask), palette[IDS])
    mixed = 0.6 * IMAGE.astype(float) + 0.4 * palette[IDS]
    mixed[IDS == 255] = IMAGE[IDS == 255]
    np.testing.assert_allclose(overlay, mixed, atol=1)


def test_hidden_classes_leave_the_image():
    shown = np.zeros(256, bool)
    shown[2] = True
    palette = palette_rgb(LABELS)
    palette[~shown] = 0
    settings = RenderSettings(palette, shown, 1.0)
    rendering = Rendering(settings, IMAGE, Segmentation(IDS, CONFIDENCE))
    overlay = drawn(rendering.overlay)
    np.testing.assert_array_equal(overlay[IDS != 2], IMAGE[IDS != 2])
    assert (overlay[IDS == 2] == palette[2]).all()
    assert not drawn(rendering.color_mask)[IDS != 2].any()


def test_overlay_takes_an_image_of_another_size():
    large = np.full((40, 60, 3), 90, np.uint8)
    settings = RenderSettings(palette_rgb(LABELS), overlay_alpha=0.0)
    rendering = Rendering(settings, large, Segmentation(IDS, CONFIDENCE))
    assert (drawn(rendering.overlay) == 90).all()
    assert rendering.size == (20, 30)


@pytest.mark.parametrize('shown_ids', [None, np.isin(np.arange(256), [1, 3])])
@pytest.mark.parametrize('color_mask_first', [True, False])
@pytest.mark.parametrize('rows', [7, 5, 20])
def test_ids_that_were_enlarged_are_painted_before_and_look_the_same(
    rows, color_mask_first, shown_ids
):
    small = IDS[:rows, :11]
    enlarged = cv2.resize(small, (30, 20), interpolation=cv2.INTER_NEAREST_EXACT)
    settings = RenderSettings(palette_rgb(LABELS), shown_ids, overlay_alpha=0.4)
    pictures = []
    for segmentation in (
        Segmentation(enlarged, CONFIDENCE),
        Segmentation(enlarged, CONFIDENCE, small),
    ):
        rendering = Rendering(settings, IMAGE, segmentation)
        drawn_first = drawn(rendering.color_mask) if color_mask_first else None
        overlay = drawn(rendering.overlay)
        color_mask = drawn(rendering.color_mask)
        if drawn_first is not None:
            np.testing.assert_array_equal(drawn_first, color_mask)
        pictures.append((overlay, color_mask, drawn(rendering.mask, 1)))
    for before, now in zip(*pictures, strict=True):
        np.testing.assert_array_equal(now, before)
    np.testing.assert_array_equal(pictures[1][1], palette_rgb(LABELS)[enlarged])
