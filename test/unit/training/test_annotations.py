# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Exports of annotation programs become class maps whose pixels can be told beforehand."""

import base64
import json
import shlex

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_weights
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.tools.import_labels import main
from rtformer_ros.tools.train.options import parse_train_options
from rtformer_ros.training.annotations.annotated_image import class_map_of
from rtformer_ros.training.annotations.coco import read_coco
from rtformer_ros.training.annotations.cvat_masks import read_cvat_masks
from rtformer_ros.training.annotations.folder_export import labels_of_annotations, write_folders
from rtformer_ros.training.annotations.labelme import read_labelme
from rtformer_ros.training.datasets.open_dataset import open_dataset
from rtformer_ros.training.recipe_file import find_recipe, load_recipe

HEIGHT, WIDTH = 40, 60
ROAD = [0, 20, 60, 20, 60, 40, 0, 40]
"""The lower half, as corners x, y."""
CAR = [10, 24, 20, 24, 20, 34, 10, 34]


def write_picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    cv2.imwrite(str(path), pixels)


def write_json(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def expected_map(road, car, rest):
    class_map = np.full((HEIGHT, WIDTH), rest, np.uint8)
    class_map[20:] = road
    class_map[24:34, 10:20] = car
    return class_map


def coco(folder, names, segmentations):
    for seed, name in enumerate(names):
        write_picture(folder / name, seed)
    annotations = [
        {'id': 10 * i + j, 'image_id': i, 'category_id': category, 'area': area, 'segmentation': s}
        for i in range(len(names))
        for j, (category, area, s) in enumerate(segmentations)
    ]
    images = [
        {'id': i, 'file_name': name, 'height': HEIGHT, 'width': WIDTH}
        for i, name in enumerate(names)
    ]
    categories = [{'id': 7, 'name': 'Road'}, {'id': 3, 'name': 'Car'}]
    data = {'images': images, 'annotations': annotations, 'categories': categories}
    write_json(folder / '_annotations.coco.json', data)


def labelme(folder, name, shapes):
    write_picture(folder / f'{name}.png')
    write_json(folder / f'{name}.json', {'imagePath': f'{name}.png', 'shapes': shapes})


def written_maps(root, split):
    return {
        path.stem: cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted((root / split / 'labels').iterdir())
    }


def test_coco_polygons_and_run_lengths_of_roboflow_with_its_own_splits(tmp_path):
    # The small area comes first in the file, and lies on top all the same.
    shapes = [(3, 100.0, [CAR]), (7, 1200.0, [ROAD])]
    coco(tmp_path / 'export' / 'train', ['a.jpg', 'b.jpg'], shapes)
    # Columns one after the other: of each, 20 pixels off and 20 on.
    lengths = {'size': [HEIGHT, WIDTH], 'counts': [20] * (2 * WIDTH)}
    coco(tmp_path / 'export' / 'valid', ['a.jpg'], [(7, 1200.0, lengths)])
    arguments = ['coco', str(tmp_path / 'export'), str(tmp_path / 'data')]
    assert main([*arguments, '--background', 'rest']) == 0
    labels = load_labels(tmp_path / 'data' / 'labels.yaml')
    assert labels.names == ('rest', 'Road', 'Car')
    train = written_maps(tmp_path / 'data', 'train')
    assert train.keys() == {'a', 'b'}
    for class_map in train.values():
        # COCO counts a pixel whose centre is inside; the edge may fall to either side.
        same = class_map == expected_map(1, 2, 0)
        assert same.mean() > 0.97
        assert (class_map[30, 15], class_map[38, 5], class_map[5, 5]) == (2, 1, 0)
    (val,) = written_maps(tmp_path / 'data', 'val').values()
    assert np.array_equal(val, expected_map(1, 1, 0))


def cvat_coco(export, subset, names, folder):
    """What CVAT's "COCO 1.0" writes of a subset: the pictures beside the folder of the file."""
    coco(export / folder, names, [(7, 1200.0, [ROAD])])
    (export / 'annotations').mkdir(exist_ok=True)
    file = export / folder / '_annotations.coco.json'
    file.rename(export / 'annotations' / f'instances_{subset}.json')


def test_coco_of_cvat_has_its_pictures_beside_the_folder_of_its_file(tmp_path):
    cvat_coco(tmp_path / 'task', 'default', ['a.jpg', 'b.jpg'], 'images/default')
    cvat_coco(tmp_path / 'older', 'default', ['a.jpg', 'b.jpg'], 'images')
    for export in ('task', 'older'):
        annotations = read_coco(tmp_path / export)
        assert [image.path.name for image in annotations.images] == ['a.jpg', 'b.jpg']
        assert {image.split for image in annotations.images} == {None}
    cvat_coco(tmp_path / 'project', 'Train', ['a.jpg', 'b.jpg'], 'images/Train')
    cvat_coco(tmp_path / 'project', 'Validation', ['a.jpg'], 'images/Validation')
    splits = [(image.path.name, image.split) for image in read_coco(tmp_path / 'project').images]
    assert splits == [('a.jpg', 'train'), ('b.jpg', 'train'), ('a.jpg', 'val')]


@pytest.mark.parametrize('separator', ['/', '\\'])
def test_coco_of_label_studio_names_the_folder_of_its_pictures_too(tmp_path, separator):
    coco(tmp_path / 'images', ['a.jpg'], [(7, 1.0, [ROAD])])
    data = json.loads((tmp_path / 'images' / '_annotations.coco.json').read_text())
    (tmp_path / 'images' / '_annotations.coco.json').unlink()
    data['images'][0]['file_name'] = f'images{separator}a.jpg'
    write_json(tmp_path / 'result.json', data)
    [image] = read_coco(tmp_path).images
    assert image.path == tmp_path / 'images' / 'a.jpg'


@pytest.mark.parametrize('line', [[30, 2], [30, 2, 8, 9]])
def test_coco_polygons_of_one_or_two_corners_have_no_area(tmp_path, line):
    coco(tmp_path, ['a.jpg', 'b.jpg'], [(7, 1.0, [ROAD]), (3, 0.5, [line]), (3, 0.5, [line, CAR])])
    annotations = read_coco(tmp_path)
    write_folders(annotations, labels_of_annotations(annotations, 'm', None), tmp_path / 'data')
    (val,) = written_maps(tmp_path / 'data', 'val').values()
    assert np.array_equal(val, expected_map(0, 1, 255))


def test_coco_corners_far_outside_of_the_picture_end_at_its_edge(tmp_path):
    far = [-1e30, 20, 1e30, 20, 1e30, 1e30, -1e30, 1e30]
    coco(tmp_path, ['a.jpg', 'b.jpg'], [(7, 1.0, [far])])
    annotations = read_coco(tmp_path)
    write_folders(annotations, labels_of_annotations(annotations, 'm', None), tmp_path / 'data')
    (val,) = written_maps(tmp_path / 'data', 'val').values()
    assert (val[20:] == 0).all()
    assert (val[:20] == 255).all()


def test_pictures_that_were_resized_after_the_drawing_are_refused(tmp_path):
    coco(tmp_path / 'coco', ['a.jpg', 'b.jpg'], [(7, 1.0, [ROAD])])
    labelme(tmp_path / 'labelme', 'a', [])
    drawn = json.loads((tmp_path / 'labelme' / 'a.json').read_text())
    drawn |= {'imageHeight': HEIGHT, 'imageWidth': WIDTH}
    write_json(tmp_path / 'labelme' / 'a.json', drawn)
    for read, name in ((read_coco, 'coco/a.jpg'), (read_labelme, 'labelme/a.png')):
        image = read((tmp_path / name).parent).images[0]
        ids = {'road': 0}
        assert class_map_of(image, (HEIGHT, WIDTH), ids).shape == (HEIGHT, WIDTH)
        with pytest.raises(ConfigError, match='has 30x20 pixels, but its areas are for 60x40; ex'):
            class_map_of(image, (HEIGHT // 2, WIDTH // 2), ids)


def test_a_run_length_as_text_is_read_too(tmp_path):
    from pycocotools import mask

    code = mask.encode(np.asfortranarray(expected_map(1, 1, 0)))
    code = {'size': code['size'], 'counts': code['counts'].decode()}
    coco(tmp_path, ['a.jpg', 'b.jpg'], [(7, 1.0, code)])
    annotations = read_coco(tmp_path / '_annotations.coco.json')
    labels = labels_of_annotations(annotations, 'mine', None)
    write_folders(annotations, labels, tmp_path / 'data', val_share=0.5)
    (val,) = written_maps(tmp_path / 'data', 'val').values()
    assert np.array_equal(val, expected_map(0, 0, 255))


def test_labelme_shapes_in_the_order_of_drawing_and_what_to_type_next(tmp_path, capsys):
    road = {'label': 'road', 'shape_type': 'rectangle', 'points': [[-5, 20], [80, 50]]}
    car = {
        'label': 'car',
        'shape_type': 'polygon',
        'points': [[10, 24], [19, 24], [19, 33], [10, 33]],
    }
    point = {'label': 'a remark', 'shape_type': 'point', 'points': [[1, 1]]}
    for name in 'abcde':
        labelme(tmp_path / 'export', name, [road, car, point])
    assert main(['labelme', str(tmp_path / 'export'), str(tmp_path / 'my data')]) == 0
    assert load_labels(tmp_path / 'my data' / 'labels.yaml').names == ('car', 'road')
    typed = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert typed[:4] == ['ros2', 'run', 'rtformer_ros', 'train']
    options = parse_train_options(typed[4:])
    assert find_weights(options.init).is_file()
    assert (options.dataset, options.root) == ('folder', tmp_path / 'my data')
    # A hundred pictures a hundred times: most of it behind the warm-up, and scored on the way.
    recipe = load_recipe(find_recipe(options.dataset))
    steps = options.epochs * 100 / recipe.batch_size
    assert recipe.schedule.warmup_steps < steps / 10
    assert recipe.validate_every < steps / 5
    train, val = (written_maps(tmp_path / 'my data', split) for split in ('train', 'val'))
    assert (sorted(train), sorted(val)) == (list('abcd'), ['e'])
    for class_map in (*train.values(), *val.values()):
        assert np.array_equal(class_map, expected_map(1, 0, 255))


def masked(mask, corner, label='car'):
    """What Labelme's AI tools write: a PNG of the box around the area, and two of its corners."""
    data = cv2.imencode('.png', mask.astype(np.uint8))[1].tobytes()
    (x, y), (height, width) = corner, mask.shape
    points = [[x, y], [x + width - 1, y + height - 1]]
    text = base64.b64encode(data).decode()
    return {'label': label, 'shape_type': 'mask', 'points': points, 'mask': text}


def test_labelme_masks_lie_where_they_were_drawn(tmp_path):
    ring = np.ones((10, 10), bool)
    ring[3:6, 2:5] = False
    labelme(tmp_path, 'inside', [masked(ring, (10, 24))])
    # Over the picture's edges, as after a crop.
    labelme(tmp_path, 'over', [masked(ring, (-4, -5)), masked(ring, (55, 33))])
    inside, over = read_labelme(tmp_path).images
    ((name, area),) = inside.areas((HEIGHT, WIDTH))
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[24:34, 10:20] = ring
    assert name == 'car'
    assert np.array_equal(area, expected)
    (_, first), (_, second) = over.areas((HEIGHT, WIDTH))
    expected = np.zeros((HEIGHT + 20, WIDTH + 20), bool)
    expected[5:15, 6:16] = ring
    assert np.array_equal(first, expected[10:-10, 10:-10])
    expected[:] = False
    expected[43:53, 65:75] = ring
    assert np.array_equal(second, expected[10:-10, 10:-10])


@pytest.mark.parametrize('text', [None, 3, 'no base64!', 'bm8gUE5H'])
def test_a_labelme_mask_that_is_none(tmp_path, text):
    shape = {'label': 'car', 'shape_type': 'mask', 'points': [[0, 0], [1, 1]], 'mask': text}
    labelme(tmp_path, 'a', [shape])
    with pytest.raises(ConfigError, match=r'a\.json has a mask that is no PNG in base64'):
        read_labelme(tmp_path)


def test_an_import_that_fails_leaves_nothing(tmp_path, capsys):
    road = {'label': 'road', 'shape_type': 'rectangle', 'points': [[0, 20], [60, 40]]}
    for name in 'abc':
        labelme(tmp_path / 'export', name, [road])
    broken = tmp_path / 'export' / 'c.png'
    content = broken.read_bytes()
    broken.write_bytes(content[:100])
    arguments = ['labelme', str(tmp_path / 'export'), str(tmp_path / 'data')]
    assert main(arguments) == 1
    assert 'c.png' in capsys.readouterr().err
    broken.write_bytes(content)
    assert main(arguments) == 0
    assert written_maps(tmp_path / 'data', 'val').keys() == {'c'}


def cvat(root, colors=((128, 64, 128), (0, 0, 142))):
    """An export of two pictures; without the pictures, which lie apart."""
    (root / 'SegmentationClass').mkdir(parents=True)
    lines = ['# label:color_rgb:parts:actions', 'background:0,0,0::']
    for name, (r, g, b) in zip(('road', 'car'), colors, strict=True):
        lines.append(f'{name}:{r},{g},{b}::')
    (root / 'labelmap.txt').write_text('\n'.join(lines))
    palette = np.array([*colors, (0, 0, 0)], np.uint8)
    for name in ('one', 'two'):
        drawn = palette[expected_map(0, 1, 2)]
        cv2.imwrite(str(root / 'SegmentationClass' / f'{name}.png'), drawn[..., ::-1])


def test_cvat_masks_with_pictures_from_another_folder_and_given_labels(tmp_path):
    cvat(tmp_path / 'export')
    for name in ('one', 'two'):
        write_picture(tmp_path / 'photos' / f'{name}.png')
    export, photos, data = (str(tmp_path / name) for name in ('export', 'photos', 'data'))
    arguments = ['cvat', export, data, '--images', photos, '--labels', 'camvid']
    assert main([*arguments, '--val-share', '0.5']) == 0
    labels = load_labels(tmp_path / 'data' / 'labels.yaml')
    (train,) = written_maps(tmp_path / 'data', 'train').values()
    expected = expected_map(labels.id_of('road'), labels.id_of('car'), 255)
    assert np.array_equal(train, expected)
    # What train reads is what was written.
    dataset = open_dataset('folder', tmp_path / 'data', 'train', labels)
    assert [sample.image.name for sample in dataset.samples] == ['one.png']


def test_a_colour_that_the_label_map_does_not_name_is_told(tmp_path, capsys):
    cvat(tmp_path / 'export')
    for name in ('one', 'two'):
        write_picture(tmp_path / 'export' / 'JPEGImages' / f'{name}.png')
    label_map = tmp_path / 'export' / 'labelmap.txt'
    lines = label_map.read_text().splitlines()
    label_map.write_text('\n'.join(line for line in lines if not line.startswith('car')))
    arguments = ['cvat', str(tmp_path / 'export'), str(tmp_path / 'data')]
    assert main(arguments) == 1
    count = int(np.sum(expected_map(0, 1, 2) == 1))
    told = capsys.readouterr().err
    assert f'one.png has {count} pixels in colours that labelmap.txt does not name' in told
    assert 'add a line NAME:0,0,142::' in told
    # Without a background what is black was not drawn.
    label_map.write_text('\n'.join(line for line in lines if not line.startswith('background')))
    assert main(arguments) == 0


def test_what_cannot_be_imported_is_one_line(tmp_path, capsys):
    (tmp_path / 'empty').mkdir()
    write_json(tmp_path / 'odd' / 'odd.json', {'images': 3})
    coco(tmp_path / 'outside', ['a.jpg'], [])
    data = json.loads((tmp_path / 'outside' / '_annotations.coco.json').read_text())
    data['images'][0]['file_name'] = '../../../etc/hostname.png'
    write_json(tmp_path / 'outside' / '_annotations.coco.json', data)
    coco(tmp_path / 'odd_area', ['a.jpg', 'b.jpg'], [(7, 1.0, {'size': 3})])
    coco(tmp_path / 'nan', ['a.jpg', 'b.jpg'], [(7, 1.0, [[1, 2, float('nan'), 4, 5, 6]])])
    coco(tmp_path / 'full', ['a.jpg', 'b.jpg'], [(7, 1.0, [ROAD])])
    for arguments, expected in (
        (['coco', 'empty'], 'no COCO file'),
        (['coco', 'absent'], 'there is no'),
        (['coco', 'odd'], 'expected images, annotations and categories'),
        (['coco', 'outside'], 'give their folder as --images'),
        (['coco', 'odd_area'], 'neither polygons nor a run-length code'),
        (['coco', 'nan'], 'a corner is no number'),
        (['coco', 'full', '--val-share', '0'], 'none is for val'),
        (['coco', 'full', '--val-share', '2'], '--val-share is 2'),
        (['coco', 'full', '--labels', 'camvid', '--background', 'nothing'], 'nothing'),
        (['labelme', 'empty'], 'no Labelme file'),
        (['labelme', 'odd'], 'expected imagePath'),
        (['cvat', 'empty'], 'labelmap.txt; expected labelmap.txt, SegmentationClass/NAME.png'),
    ):
        kind, source, *more = arguments
        output = tmp_path / 'data'
        assert main([kind, str(tmp_path / source), str(output), *more]) == 1, arguments
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith('import_labels: ')
        assert expected in error
        assert not (output / 'labels.yaml').exists()


def test_a_class_without_an_id_and_masks_of_another_size_are_refused(tmp_path):
    cvat(tmp_path / 'export')
    for name in ('one', 'two'):
        write_picture(tmp_path / 'photos' / f'{name}.png')
    annotations = read_cvat_masks(tmp_path / 'export', tmp_path / 'photos')
    labels = labels_of_annotations(annotations, 'mine', None)
    other = labels_of_annotations(read_labelme_of(tmp_path), 'other', None)
    with pytest.raises(ConfigError, match="class 'road', which the labels lack"):
        write_folders(annotations, other, tmp_path / 'first')
    cv2.imwrite(str(tmp_path / 'photos' / 'one.png'), np.zeros((HEIGHT, 2 * WIDTH, 3), np.uint8))
    with pytest.raises(ConfigError, match=r'one\.png has 120x40 pixels.*60x40'):
        write_folders(annotations, labels, tmp_path / 'second')
    (tmp_path / 'third' / 'kept').mkdir(parents=True)
    with pytest.raises(ConfigError, match='holds files already'):
        write_folders(annotations, labels, tmp_path / 'third')


def read_labelme_of(folder):
    tree = {'label': 'tree', 'shape_type': 'polygon', 'points': [[0, 0], [5, 0], [5, 5]]}
    labelme(folder / 'trees', 'tree', [tree])
    return read_labelme(folder / 'trees')
