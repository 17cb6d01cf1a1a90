# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check crops of images that are classified as a whole: area, shape, place, middle."""

import numpy as np
import pytest
from rtformer_ros.training.data.image_crop import (
    ImageAugmenter,
    middle_crop,
    middle_window,
    random_resized_crop,
    random_window,
)
from rtformer_ros.training.data.image_store import ImageStore
from rtformer_ros.training.datasets.class_folders import ClassificationDataset, ClassifiedImage
from rtformer_ros.training.recipe import CropRecipe, ImageCropRecipe, Recipe
from training_shapes import draw_shape, SHAPES

HEIGHT, WIDTH = 300, 400


def test_windows_have_area_shape_and_place_as_the_recipe_says():
    recipe = ImageCropRecipe(area_min=0.1, area_max=0.5, aspect_max=1.5)
    rng = np.random.default_rng(0)
    windows = np.array([random_window(HEIGHT, WIDTH, 2.0, recipe, rng) for _ in range(1000)])
    top, left, rows, columns = windows.T
    assert min(top.min(), left.min()) == 0
    assert (top + rows).max() == HEIGHT
    assert (left + columns).max() == WIDTH
    areas = rows * columns / (HEIGHT * WIDTH)
    assert areas.min() == pytest.approx(0.1, abs=0.01)
    assert areas.max() == pytest.approx(0.5, abs=0.01)
    # The area is uniform where every shape fits.
    low = areas[areas < 0.3]
    assert np.mean(low) == pytest.approx(0.2, abs=0.01)
    shapes = np.log2(columns / rows / 2)
    assert np.abs(shapes).max() == pytest.approx(np.log2(1.5), abs=0.02)
    assert np.median(shapes) == pytest.approx(0, abs=0.05)


def test_of_a_panorama_the_middle_is_left():
    rng = np.random.default_rng(0)
    recipe = ImageCropRecipe(area_min=0.9)
    assert random_window(30, 400, 1.0, recipe, rng) == (0, 180, 30, 40)
    assert random_window(400, 30, 1.0, recipe, rng) == (180, 0, 40, 30)


@pytest.mark.parametrize(
    ('size', 'aspect', 'share', 'window'),
    [
        ((256, 340), 1.0, 0.875, (16, 58, 224, 224)),
        ((340, 256), 1.0, 0.875, (58, 16, 224, 224)),
        ((100, 100), 2.0, 1.0, (25, 0, 50, 100)),
        ((1, 1), 1.0, 0.1, (0, 0, 1, 1)),
    ],
)
def test_the_middle_in_closed_form(size, aspect, share, window):
    assert middle_window(*size, aspect, share) == window


def test_a_whole_image_stays_itself_or_its_mirror_image():
    image = draw_shape('cross', 3)[0]
    whole = ImageCropRecipe(area_min=1.0, aspect_max=1.0)
    crops = [
        random_resized_crop(image, CropRecipe(64, 64), whole, np.random.default_rng(seed))
        for seed in range(40)
    ]
    is_same = [np.array_equal(crop, image) for crop in crops]
    is_mirrored = [np.array_equal(crop, image[:, ::-1]) for crop in crops]
    assert all(same != mirrored for same, mirrored in zip(is_same, is_mirrored, strict=True))
    assert 10 < sum(is_mirrored) < 30
    assert np.array_equal(middle_crop(image, 64, 64, 1.0), image)
    # Halved: each pixel is the mean of four.
    half = image.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(middle_crop(image, 32, 32, 1.0) - half).max() <= 0.5


def test_crops_depend_on_nothing_but_the_random_numbers():
    samples = tuple(ClassifiedImage(None, index) for index in range(3))
    images = tuple(draw_shape(kind, 0)[0] for kind in SHAPES)
    store = ImageStore(ClassificationDataset('shapes', SHAPES, samples), images)
    augmenter = ImageAugmenter(store, Recipe(crop=CropRecipe(48, 32)))
    one, again, other = (augmenter.crop(2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one[0].shape == (48, 32, 3)
    assert (one[1].shape, one[1].dtype, int(one[1])) == ((), np.int64, 2)
    assert np.array_equal(one[0], again[0])
    assert not np.array_equal(one[0], other[0])
