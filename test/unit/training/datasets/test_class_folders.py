# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check the reader of class folders and its store, on trees whole and broken."""

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.training.data.image_store import filled_image_store
from rtformer_ros.training.datasets.class_folders import read_class_folders
from training_scenes import write_picture
from training_shapes import draw_shape, SHAPES, write_class_folders


@pytest.fixture
def root(tmp_path):
    return write_class_folders(tmp_path / 'shapes', train=3, val=2)


def test_folders_become_classes_in_the_order_of_their_names(root):
    (root / 'train' / '.cache').mkdir()
    (root / 'train' / 'square' / 'notes.txt').write_text('no image')
    (root / 'train' / 'square' / '._0.png').write_bytes(b'of macOS')
    train = read_class_folders(root, 'train')
    assert (train.name, train.class_names) == ('shapes train', SHAPES)
    assert [sample.class_id for sample in train.samples] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    stores = [
        filled_image_store(train, is_silent=True, memory_limit_bytes=n) for n in (1 << 20, 0)
    ]
    assert stores[0].class_shares() == pytest.approx([1 / 3] * 3)
    assert stores[1].decoded is None
    for store in stores:
        image, class_id = store.load(4)
        assert class_id == 1
        assert np.array_equal(image, draw_shape('cross', 1)[0])


def test_a_split_may_lack_a_class_but_not_have_another(root):
    for path in (root / 'val' / 'circle').iterdir():
        path.unlink()
    (root / 'val' / 'circle').rmdir()
    val = read_class_folders(root, 'val', SHAPES)
    assert [sample.class_id for sample in val.samples] == [1, 1, 2, 2]
    (root / 'val' / 'star').mkdir()
    with pytest.raises(ConfigError, match=r'val has the folder\(s\) star, which are none of'):
        read_class_folders(root, 'val', SHAPES)


def test_wrong_folders_are_refused_with_the_layout(root, tmp_path):
    with pytest.raises(ConfigError, match=r'no folder .*/train; expected .*train/CLASS/\*\.jpg'):
        read_class_folders(tmp_path, 'train')
    flat = tmp_path / 'flat' / 'train'
    write_picture(flat / 'one.png', draw_shape('cross', 0)[0])
    with pytest.raises(ConfigError, match='holds no folder of a class'):
        read_class_folders(tmp_path / 'flat', 'train')
    (root / 'train' / 'star').mkdir()
    with pytest.raises(ConfigError, match='star holds no image; expected'):
        read_class_folders(root, 'train')


def test_folders_of_class_maps_are_not_taken_for_classes(tmp_path):
    for folder in ('images', 'labels'):
        write_picture(tmp_path / 'train' / folder / 'one.png', draw_shape('cross', 0)[0])
    for names in (None, SHAPES):
        with pytest.raises(ConfigError, match='class maps; to segment with it: --dataset folder'):
            read_class_folders(tmp_path, 'train', names)


@pytest.mark.parametrize('content', [b'', b'\x89PNG\r\n\x1a\n cut', b'no picture'])
def test_broken_images_are_named(root, content):
    dataset = read_class_folders(root, 'train')
    dataset.samples[5].image.write_bytes(content)
    with pytest.raises(ImageError, match=f'{dataset.samples[5].image} is cut short or is no pict'):
        filled_image_store(dataset, is_silent=True)
