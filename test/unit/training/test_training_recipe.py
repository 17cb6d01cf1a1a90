# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check recipes: defaults, files, changes, refusals."""

from pathlib import Path

import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.training.recipe import CropRecipe, Recipe
from rtformer_ros.training.recipe_file import (
    differences,
    find_recipe,
    load_recipe,
    parse_change,
    recipe_from_dict,
    recipe_to_dict,
    with_changes,
)
import yaml

RECIPES = sorted((Path(__file__).parents[3] / 'config' / 'recipes').glob('*.yaml'))


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_packaged_recipes_load_and_are_found_by_name(path):
    recipe = load_recipe(path)
    given = yaml.safe_load(path.read_text())
    assert recipe.steps == given['steps']
    assert find_recipe(path.stem) == path


def test_default_recipe_is_the_published_one():
    recipe = load_recipe(find_recipe('default'))
    assert recipe == Recipe()
    # The reference's configuration for Cityscapes.
    assert (recipe.optimizer.lr, recipe.optimizer.weight_decay) == (4e-4, 0.0125)
    assert (recipe.schedule.warmup_steps, recipe.schedule.final_lr) == (1500, 1e-6)
    assert (recipe.steps, recipe.batch_size, recipe.loss.aux_weight) == (120_000, 12, 0.4)


def test_recipe_survives_yaml():
    recipe = Recipe(steps=7, crop=CropRecipe(height=64, width=96, rotation_deg=3.5))
    recipe = with_changes(
        recipe, {'copy_paste.classes': ['a', 'b'], 'network.injection': [1 > 0, 1 < 0]}
    )
    assert recipe_from_dict(yaml.safe_load(yaml.safe_dump(recipe_to_dict(recipe))), 'x') == recipe


def test_changes_are_applied_and_told():
    name, value = parse_change('optimizer.lr=1e-3')
    changed = with_changes(Recipe(), {name: value, 'steps': 9})
    assert changed.optimizer.lr == 0.001
    assert differences(Recipe(), changed) == [
        'steps: 120000 -> 9',
        'optimizer.lr: 0.0004 -> 0.001',
    ]


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        ({'stepz': 3}, 'unknown key.*stepz'),
        ({'crop': {'hight': 3}}, 'crop: unknown key.*hight'),
        ({'steps': 1.5}, 'steps is 1.5; expected a whole number'),
        ({'steps': 0}, 'steps is 0; expected 1 or more'),
        ({'steps': True}, 'steps is True'),
        ({'schedule': {'kind': 'steps'}}, "kind is 'steps'; expected one of poly, cosine, stable"),
        ({'optimizer': {'decay_norms': 1}}, 'decay_norms is 1; expected true or false'),
        ({'loss': {'label_smoothing': 1}}, 'label_smoothing is 1.0; expected 0 to below 1'),
        ({'crop': {'height': 8}}, 'crop.height is 8'),
        ({'copy_paste': {'classes': 'Pole'}}, "classes is 'Pole'; expected a list"),
        ({'network': {'injection': [True]}}, 'expected a list of 2'),
        ({'crop': 3}, 'crop: expected a mapping'),
        ({'image_crop': {'area_min': 0}}, 'area_min is 0.0; expected above 0, up to 1.0'),
        ({'image_crop': {'area_max': 1.5}}, 'area_max is 1.5; expected up to 1'),
        ({'image_crop': {'aspect_max': 0.5}}, 'aspect_max is 0.5; expected 1 or more'),
        ({'mixing': {'mixup_alpha': -1}}, 'mixing: mixup_alpha is -1.0; expected 0 or more'),
        ({'mixing': {'chance': 2}}, 'chance is 2.0; expected 0 to 1'),
        ({'seed': -1}, 'seed is -1; expected 0 to 4294967295'),
        ({'seed': 1 << 63}, 'seed is 9223372036854775808; expected 0 to'),
        ({'optimizer': {'beta1': 1}}, 'optimizer.beta1 is 1.0; expected 0 to below 1'),
        ({'optimizer': {'weight_decay': -1}}, 'optimizer.weight_decay is -1.0; expected 0 or'),
        ({'crop': {'aspect_jitter': -1}}, 'crop.aspect_jitter is -1.0; expected 0 or more'),
        ({'crop': {'flip_chance': 7}}, 'crop.flip_chance is 7.0; expected 0 to 1'),
        ({'crop': {'scale_min': 3}}, r'is 3.0; expected above 0, up to scale_max \(2.0\)'),
        ({'loss': {'ohem_min_share': 2}}, 'loss.ohem_min_share is 2.0; expected 0 to 1'),
        ([1], 'expected a mapping'),
    ],
)
def test_bad_values_are_refused_by_name(data, words):
    with pytest.raises(ConfigError, match=words):
        recipe_from_dict(data, 'file.yaml')


@pytest.mark.parametrize('change', ['steps', 'nothing.here=3', 'steps=many', 'steps.x=3'])
def test_bad_changes_are_refused(change):
    with pytest.raises(ConfigError):
        with_changes(Recipe(), dict([parse_change(change)]))


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / 'r.yaml').write_text('steps: [')
    with pytest.raises(ConfigError, match=r'r\.yaml'):
        load_recipe(tmp_path / 'r.yaml')
    with pytest.raises(ConfigError, match=r'no recipe .nowhere.*camvid.*default'):
        find_recipe('nowhere')
