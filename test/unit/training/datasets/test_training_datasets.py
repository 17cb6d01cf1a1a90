# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check every data set's reader on small trees, whole and broken."""

from pathlib import Path
import shutil

import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.training.data.sample_store import fill_store, SampleStore
from rtformer_ros.training.datasets.dataset import IGNORED
from rtformer_ros.training.datasets.open_dataset import open_dataset, READERS
from training_scenes import scene, SCENES, write_picture, write_scenes

CAMVID = Path(__file__).resolve().parents[5] / 'shared' / 'camvid'

# id in the files -> class, some of each set, from the sets' own documents
CITYSCAPES_IDS = {
    7: 0,
    8: 1,
    11: 2,
    17: 5,
    19: 6,
    26: 13,
    33: 18,
    0: IGNORED,
    9: IGNORED,
    30: IGNORED,
}
ADE20K_IDS = {0: IGNORED, 1: 0, 2: 1, 150: 149}
# COCO-Stuff's labels.md: id 1 person, 13 stop sign, 90 toothbrush, 92 banner, 182 wood; the
# pictures hold the id less one. Of 1..182, 12 26 29 30 45 66 68 69 71 83 91 are not used.
COCOSTUFF_IDS = {0: 0, 10: 10, 12: 11, 89: 79, 91: 80, 181: 170, 255: IGNORED}


def cityscapes(root, ids):
    for split in ('train', 'val'):
        name = f'{split}/ulm/ulm_000000_000019'
        write_picture(root / 'leftImg8bit' / f'{name}_leftImg8bit.png', picture(ids))
        write_picture(root / 'gtFine' / f'{name}_gtFine_labelIds.png', strip(ids))
        write_picture(root / 'gtFine' / f'{name}_gtFine_color.png', picture(ids))


def ade20k(root, ids):
    for folder in ('training', 'validation'):
        write_picture(root / 'images' / folder / 'ADE_1.jpg', picture(ids))
        write_picture(root / 'annotations' / folder / 'ADE_1.png', strip(ids))


def cocostuff(root, ids):
    for folder in ('train2017', 'val2017'):
        write_picture(root / 'images' / folder / '000000000009.jpg', picture(ids))
        write_picture(root / 'stuffthingmaps' / folder / '000000000009.png', strip(ids))


def camvid(root, ids):
    for split in ('train', 'val'):
        write_picture(root / split / 'images' / '0001TP.jpg', picture(ids))
        write_picture(root / split / 'labels' / '0001TP.png', strip(ids))


def strip(ids):
    return np.tile(np.array(list(ids), np.uint8), (4, 1))


def picture(ids):
    return np.full((4, len(ids), 3), 90, np.uint8)


TREES = {
    'camvid': (camvid, 11, {0: 0, 10: 10, 11: IGNORED, 255: IGNORED}),
    'cityscapes': (cityscapes, 19, CITYSCAPES_IDS),
    'ade20k': (ade20k, 150, ADE20K_IDS),
    'cocostuff': (cocostuff, 171, COCOSTUFF_IDS),
    'folder': (camvid, 4, {0: 0, 3: 3, 255: IGNORED}),
}


def labels_of(name, count):
    generic = LabelSet.generic(count, name)
    return LabelSet(name, generic.classes, 11) if name == 'camvid' else generic


def filled(dataset, **options):
    *_, store = fill_store(dataset, **options)
    assert isinstance(store, SampleStore)
    return store


def test_every_data_set_has_a_tree_here():
    assert set(TREES) == set(READERS)


@pytest.mark.parametrize('split', ['train', 'val'])
@pytest.mark.parametrize('name', TREES)
def test_ids_become_classes(tmp_path, name, split):
    make, count, ids = TREES[name]
    make(tmp_path, ids)
    store = filled(open_dataset(name, tmp_path, split, labels_of(name, count)))
    image, label = store.load(0)
    assert len(store) == 1
    assert image.shape == (4, len(ids), 3)
    assert np.abs(image.astype(int) - 90).max() <= 2
    assert np.array_equal(label, np.tile(list(ids.values()), (4, 1)))


def test_cocostuff_reads_the_other_layout_too(tmp_path):
    cocostuff(tmp_path, COCOSTUFF_IDS)
    (tmp_path / 'images' / 'train2017').rename(tmp_path / 'train2017')
    (tmp_path / 'stuffthingmaps').rename(tmp_path / 'annotations')
    dataset = open_dataset('cocostuff', tmp_path, 'train', LabelSet.generic(171))
    assert dataset.samples[0].image == tmp_path / 'train2017' / '000000000009.jpg'


@pytest.mark.parametrize('name', ['cityscapes', 'cocostuff'])
def test_label_set_of_another_size_is_refused(tmp_path, name):
    TREES[name][0](tmp_path, TREES[name][2])
    with pytest.raises(ConfigError, match=f'has {TREES[name][1]} classes, the labels name 7'):
        open_dataset(name, tmp_path, 'train', LabelSet.generic(7))


@pytest.mark.parametrize('name', TREES)
def test_wrong_layouts_are_refused_with_the_right_one(tmp_path, name):
    make, count, ids = TREES[name]
    labels = labels_of(name, count)
    with pytest.raises(ConfigError, match='there is no folder'):
        open_dataset(name, tmp_path / 'nowhere', 'train', labels)
    with pytest.raises(ConfigError, match=r'no folder .*expected .*images|leftImg8bit'):
        open_dataset(name, tmp_path, 'train', labels)
    make(tmp_path, ids)
    label = open_dataset(name, tmp_path, 'val', labels).samples[0].label
    label.unlink()
    with pytest.raises(ConfigError, match=f'1 of 1 images have no label: .*needs {label}'):
        open_dataset(name, tmp_path, 'val', labels)
    for image in (*tmp_path.rglob('*.jpg'), *tmp_path.rglob('*_leftImg8bit.png')):
        image.unlink()
    with pytest.raises(ConfigError, match='holds no image'):
        open_dataset(name, tmp_path, 'val', labels)


def test_unknown_data_set_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"no data set 'voc'.*camvid, cityscapes"):
        open_dataset('voc', tmp_path, 'train', SCENES)


def spoil_bytes(image, label):
    label.write_bytes(label.read_bytes()[:40])
    return f'{label} is cut short'


def spoil_image(image, label):
    image.write_bytes(b'')
    return f'{image} is cut short'


def spoil_size(image, label):
    write_picture(label, scene(0)[1][:-1])
    return f'{label} is 96 x 63 pixels, its image {image} is 96 x 64'


def spoil_id(image, label):
    write_picture(label, np.full((64, 96), 5, np.uint8))
    return rf'{label} holds the id\(s\) 5, .*knows 0 to 3, 9, 255'


def spoil_channels(image, label):
    write_picture(label, scene(0)[0])
    return rf'{label} has 3 channel\(s\) of uint8; expected one 8-bit'


def spoil_depth(image, label):
    write_picture(label, scene(0)[1].astype(np.uint16))
    return f'{label} has .*uint16; expected one 8-bit'


def test_hidden_files_are_no_images(tmp_path):
    for folder in ('images', 'labels'):
        hidden = write_scenes(tmp_path) / 'train' / folder / '._scene_0.png'
        hidden.write_bytes(b'of macOS')
        names = [s.image.name for s in open_dataset('folder', tmp_path, 'train', SCENES).samples]
        assert names == [f'scene_{number}.png' for number in range(5)]


@pytest.mark.parametrize(
    'spoil', [spoil_bytes, spoil_image, spoil_size, spoil_id, spoil_channels, spoil_depth]
)
def test_broken_files_are_named(tmp_path, spoil):
    dataset = open_dataset('folder', write_scenes(tmp_path), 'train', SCENES)
    words = spoil(dataset.samples[3].image, dataset.samples[3].label)
    with pytest.raises(ImageError, match=words):
        filled(dataset)


def test_store_counts_pixels_and_gives_the_same_from_disk(tmp_path):
    dataset = open_dataset('folder', write_scenes(tmp_path), 'train', SCENES)
    progress = list(fill_store(dataset))
    kept, from_disk = progress[-1], filled(dataset, memory_limit_bytes=50_000)
    assert progress[:-1] == [1, 2, 3, 4, 5]
    assert from_disk.decoded is None
    for index in range(len(kept)):
        image, label = scene(index)
        counts = [(label == i).sum() for i in range(4)]
        assert kept.pixel_counts[index].tolist() == counts
        for store in (kept, from_disk):
            assert np.array_equal(store.load(index)[0], image)
            assert np.array_equal(store.load(index)[1], label)
    shares = kept.class_shares()
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(kept.pixel_counts.sum(0) / (5 * 64 * 96))


def test_camvid_itself_is_whole(tmp_path):
    if not CAMVID.is_dir():
        pytest.skip(f'CamVid is not at {CAMVID}')
    few = tmp_path / 'val'
    for kind in ('images', 'labels'):
        (few / kind).mkdir(parents=True)
        for path in sorted((CAMVID / 'val' / kind).iterdir())[:5]:
            shutil.copy(path, few / kind)
    labels = labels_of('camvid', 11)
    assert len(open_dataset('camvid', CAMVID, 'train', labels).samples) == 367
    assert len(open_dataset('camvid', CAMVID, 'val', labels).samples) == 101
    shares = filled(open_dataset('camvid', tmp_path, 'val', labels)).class_shares()
    # Buildings, roads and skies are most of every drive.
    assert shares[[0, 1, 3]].sum() > 0.5
