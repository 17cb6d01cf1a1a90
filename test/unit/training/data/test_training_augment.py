# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check that augmentation keeps image and label together and does what it says."""

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.training.data import corruptions
from rtformer_ros.training.data.augment import Augmenter, paste
from rtformer_ros.training.data.color import (
    apply_color,
    distort_colors,
    hue_matrix,
    saturation_matrix,
)
from rtformer_ros.training.data.crop import cut, random_crop
from rtformer_ros.training.data.sample_store import SampleStore
from rtformer_ros.training.datasets.dataset import Dataset, IGNORED, plain_id_table
from rtformer_ros.training.recipe import (
    ColorRecipe,
    CopyPasteRecipe,
    CorruptionRecipe,
    CropRecipe,
    Recipe,
)
from training_scenes import COLORS_RGB, scene, SCENES

WILD_CROP = CropRecipe(48, 80, 0.5, 2.0, aspect_jitter=0.3, rotation_deg=20, focus_chance=0.5)
EFFECTS = [
    corruptions.shadow,
    corruptions.glare,
    corruptions.fog,
    corruptions.rain,
    corruptions.blur,
    corruptions.noise,
    corruptions.jpeg,
]
STRAIGHT_CURVES = np.tile(np.arange(256, dtype=np.uint8)[:, None], 3)


def store(count=4):
    pairs = tuple(scene(seed) for seed in range(count))
    counts = np.array([np.bincount(label.ravel(), minlength=4) for _, label in pairs])
    return SampleStore(
        Dataset('scenes', SCENES, (None,) * count, plain_id_table(SCENES)), counts, pairs
    )


@pytest.mark.parametrize('seed', range(20))
def test_crop_keeps_image_and_label_aligned(seed):
    _, label = scene(seed, 90, 130)
    image, cropped = random_crop(COLORS_RGB[label], label, WILD_CROP, np.random.default_rng(seed))
    assert image.shape == (48, 80, 3)
    assert cropped.shape == (48, 80)
    # Away from edges, where bilinear pixels are mixed, every pixel has its class's colour. What
    # lies beyond the crop is not known here, so its rim is left out.
    square, inner = np.ones((5, 5)), np.zeros_like(cropped, bool)
    inner[2:-2, 2:-2] = True
    same = inner & (cv2.erode(cropped, square) == cv2.dilate(cropped, square))
    inside = same & (cropped != IGNORED)
    assert inside.mean() > 0.1
    assert np.array_equal(image[inside], COLORS_RGB[cropped[inside]])
    assert not np.isin(image[same & (cropped == IGNORED)], COLORS_RGB[:, 0]).all(axis=-1).any()


def test_crop_is_a_plain_window_or_its_mirror_image():
    image, label = scene(1)
    window = np.s_[10:42, 20:60]
    size, centre = (32, 40), np.array([20 + 19.5, 10 + 15.5])
    straight = cut(image, label, size, np.eye(2), centre)
    mirrored = cut(image, label, size, np.diag([-1.0, 1.0]), centre)
    for whole, plain, flipped in zip((image, label), straight, mirrored, strict=True):
        assert np.array_equal(plain, whole[window])
        assert np.array_equal(flipped, whole[window][:, ::-1])


def test_crop_at_twice_the_size_is_opencvs_resize():
    image, _ = scene(2)
    label = np.arange(64 * 96).reshape(64, 96).astype(np.uint8)
    doubled, doubled_label = cut(image, label, (128, 192), np.eye(2) / 2, np.array([47.5, 31.5]))
    expected = cv2.resize(image, (192, 128), interpolation=cv2.INTER_LINEAR)
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(doubled[inner].astype(int) - expected[inner]).max() <= 1
    nearest = cv2.resize(label, (192, 128), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(doubled_label[inner], nearest[inner])


@pytest.mark.parametrize('scale', [0.5, 1.0, 2.0])
def test_crop_shows_as_much_of_the_image_as_fits(scale):
    image, label = scene(3, 60, 90)
    recipe = CropRecipe(48, 80, scale, scale)
    for seed in range(10):
        _, cropped = random_crop(image, label, recipe, np.random.default_rng(seed))
        area = min(48, 60 * scale) * min(80, 90 * scale)
        assert (cropped != IGNORED).sum() == pytest.approx(area, rel=0.06)


def test_focus_finds_rare_classes():
    label = np.zeros((200, 300), np.uint8)
    label[150:154, 30:34] = 3
    image = COLORS_RGB[label]
    shares = []
    for chance in (0.0, 1.0):
        recipe = CropRecipe(40, 40, 1.0, 1.0, focus_chance=chance)
        crops = [random_crop(image, label, recipe, np.random.default_rng(i))[1] for i in range(60)]
        shares.append(np.mean([(crop == 3).any() for crop in crops]))
    assert shares[0] < 0.2
    assert shares[1] > 0.4


def test_focus_without_a_labelled_pixel_still_crops():
    image, label = scene(0)
    recipe = CropRecipe(32, 32, focus_chance=1.0)
    nothing = np.full_like(label, IGNORED)
    assert (random_crop(image, nothing, recipe, np.random.default_rng(0))[1] == IGNORED).all()


def test_colour_matrices_have_closed_forms():
    assert hue_matrix(120) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)
    assert hue_matrix(77) @ [5, 5, 5] == pytest.approx([5, 5, 5])
    image, _ = scene(4)
    gray = apply_color(image, saturation_matrix(0), STRAIGHT_CURVES)
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert np.abs(gray.astype(int) - expected[..., None]).max() <= 1
    assert np.array_equal(apply_color(image, saturation_matrix(1), STRAIGHT_CURVES), image)
    inverted = apply_color(image, np.eye(3), 255 - STRAIGHT_CURVES)
    assert np.array_equal(inverted, 255 - image)


def test_colours_stay_where_nothing_is_to_change():
    image, label = scene(5)
    none = ColorRecipe(1.0, brightness=0, contrast=0, saturation=0)
    for recipe in (none, ColorRecipe(chance=0.0)):
        assert np.array_equal(
            distort_colors(image, label, recipe, np.random.default_rng(0)), image
        )


def test_grey_pictures_are_grey_and_wild_ones_keep_grey():
    image, label = scene(6)
    rng = np.random.default_rng(1)
    plain = {'brightness': 0, 'contrast': 0, 'saturation': 0}
    gray = distort_colors(image, label, ColorRecipe(gray_chance=1, **plain), rng)
    assert np.ptp(gray.astype(int), axis=2).max() <= 1
    wild = distort_colors(gray, label, ColorRecipe(wild_chance=1, **plain), rng)
    assert np.abs(wild.astype(int) - gray).max() <= 2


def test_tints_change_one_or_two_classes_only():
    image, label = scene(7)
    recipe = ColorRecipe(chance=0.0, class_chance=1.0)
    for seed in range(10):
        tinted = distort_colors(image, label, recipe, np.random.default_rng(seed))
        changed = {int(i) for i in np.unique(label[(tinted != image).any(axis=2)])}
        assert 1 <= len(changed) <= 2


@pytest.mark.parametrize('effect', EFFECTS, ids=lambda effect: effect.__name__)
def test_effects_change_a_copy_the_same_way_for_the_same_seed(effect):
    image, _ = scene(8, 120, 160)
    before = image.copy()
    once, again, other = (effect(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert once.shape == image.shape
    assert once.dtype == np.uint8
    assert np.array_equal(image, before)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert not np.array_equal(once, image)


def test_fog_takes_contrast_and_noise_keeps_the_mean():
    image, _ = scene(9, 120, 160)
    for seed in range(5):
        foggy = corruptions.fog(image, np.random.default_rng(seed))
        assert foggy[:40].std() < image[:40].std()
        noisy = corruptions.noise(np.full_like(image, 128), np.random.default_rng(seed))
        assert noisy.mean() == pytest.approx(128, abs=1)
        assert 1.5 < noisy.std() < 21


def test_effects_happen_as_often_as_the_recipe_says():
    image, _ = scene(10)
    recipe = CorruptionRecipe(jpeg_chance=0.3)
    changed = [
        not np.array_equal(corruptions.corrupt(image, recipe, np.random.default_rng(i)), image)
        for i in range(200)
    ]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.1)


def test_pasting_moves_pixels_and_labels_of_the_wanted_classes():
    (image, label), (other_image, other_label) = scene(11), scene(12)
    label[:, :40] = IGNORED
    mixed, mixed_label = paste(image, label, other_image, other_label, np.array([3]))
    pasted = (other_label == 3) & (label != IGNORED)
    assert np.array_equal(mixed_label, np.where(pasted, 3, label))
    core = cv2.erode(pasted.astype(np.uint8), np.ones((5, 5))) > 0
    far = cv2.dilate(pasted.astype(np.uint8), np.ones((9, 9))) == 0
    assert core.any()
    assert np.abs(mixed[core].astype(int) - other_image[core]).max() <= 2
    assert np.array_equal(mixed[far], image[far])


def test_augmenter_pastes_only_what_the_recipe_names():
    recipe = Recipe(
        crop=CropRecipe(48, 64, 1.0, 1.0),
        color=ColorRecipe(chance=0.0),
        copy_paste=CopyPasteRecipe(1.0, ('post',)),
    )
    plain = Recipe(crop=recipe.crop, color=recipe.color)
    more = 0
    for seed in range(10):
        crops = [
            Augmenter(store(), r).crop(0, np.random.default_rng(seed)) for r in (recipe, plain)
        ]
        changed = crops[0][1] != crops[1][1]
        assert (crops[0][1][changed] == 3).all()
        more += int(changed.any())
    assert more > 5


def test_augmenter_refuses_classes_that_are_not_there():
    recipe = Recipe(copy_paste=CopyPasteRecipe(0.5, ('post', 'lamp')))
    with pytest.raises(ConfigError, match='names lamp; expected some of: sky, road'):
        Augmenter(store(), recipe)
