# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Golden outputs of the references, and the weights and inputs that they belong to.

The files in test/data/oracle are outputs of the references that README.md there names, run on a
CPU. The weights are made from each key's name and shape by the formulas below, which are those of
the program that made the outputs.
"""

import functools
import json
from pathlib import Path
import zlib

import numpy as np

FOLDER = Path(__file__).parents[1] / 'data' / 'oracle'
OUTPUT_FILES = {
    'slim': 'slim_cityscapes_1x3x256x512.npz',
    'base': 'base_cityscapes_2x3x192x320.npz',
}
TRAINING_FILE = 'slim_cityscapes_train_2x3x192x320.npz'
NUM_CLASSES = 19


def load(name):
    with np.load(FOLDER / name) as arrays:
        return dict(arrays)


@functools.cache
def reference_weights(variant):
    """Weights of the reference by its own keys."""
    shapes = json.loads((FOLDER / f'{variant}_cityscapes.keys.json').read_text())
    return {key: weight(key, tuple(shape)) for key, shape in shapes.items()}


def weights_of(name, *, of_torch=False):
    """
    Weights by the keys in a file of shapes.

    of_torch: the file has PyTorch's shapes; linear layers were drawn as [in, out] all the same.
    """
    shapes = json.loads((FOLDER / f'{name}.keys.json').read_text())
    return {
        key: weight(key, tuple(shape[::-1])).T.copy()
        if of_torch and len(shape) == 2
        else weight(key, tuple(shape))
        for key, shape in shapes.items()
    }


def weight(key, shape):
    random = np.random.default_rng(zlib.crc32(key.encode()))
    leaf = key.rpartition('.')[2]
    if len(shape) == 4 and leaf in ('k', 'v'):
        values = 0.05 * random.standard_normal(shape)
    elif len(shape) == 4:
        values = np.sqrt(1 / np.prod(shape[1:])) * random.standard_normal(shape)
    elif leaf == 'relative_position_bias_table':
        values = 0.5 * random.standard_normal(shape)
    elif leaf == 'weight' and len(shape) == 2:
        values = np.sqrt(1 / shape[0]) * random.standard_normal(shape)
    elif leaf in ('_variance', 'weight'):
        values = 0.5 + random.random(shape)
    else:
        values = 0.1 * random.standard_normal(shape)
    return values.astype(np.float32)


def our_key(key):
    return key.replace('._mean', '.running_mean').replace('._variance', '.running_var')


def images(shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def labels(n, height, width):
    random = np.random.default_rng(1)
    classes = random.integers(0, NUM_CLASSES, size=(n, height, width))
    classes[random.random((n, height, width)) < 0.1] = 255
    return classes.astype(np.int64)


def sample(array, count):
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat[:: max(1, flat.size // count)]


def shape_in(name):
    return tuple(int(size) for size in Path(name).stem.rpartition('_')[2].split('x'))
