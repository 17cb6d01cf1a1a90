# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What is written down and drawn says what was measured."""

import csv
from dataclasses import replace
import json

import cv2
import numpy as np
import pytest
from rtformer_ros.drawing.legend import ROW_HEIGHT_PX
from rtformer_ros.drawing.panels import CAPTION_HEIGHT_PX, GAP_PX
from rtformer_ros.evaluation.confusion_picture import draw_confusion
from rtformer_ros.evaluation.gallery import draw_errors, draw_gallery
from rtformer_ros.evaluation.report import (
    averaging_steps,
    class_table,
    described_data,
    described_ignored,
    described_scores,
    engine_steps,
    Protocol,
    trimap_table,
    write_confusion_csv,
    write_results,
)
from rtformer_ros.evaluation.scores import evaluate
from rtformer_ros.labels.label_set import LabelClass, LabelSet
from rtformer_ros.training.datasets.dataset import Dataset, plain_id_table, Sample

LABELS = LabelSet(
    'three',
    (
        LabelClass('road, street', (10, 200, 30)),
        LabelClass('sky', (1, 2, 250)),
        LabelClass('tram', (200, 0, 99)),
    ),
    ignore_id=7,
)
PROTOCOL = Protocol('three val', 'm.onnx', 'ab' * 32, 'none', *engine_steps(6, 8), ignored='id 7')
TRUTH = np.array([[0, 0, 0, 1], [0, 1, 1, 7]], np.uint8).repeat(40, 0).repeat(200, 1)
PREDICTED = np.array([[0, 0, 1, 1], [0, 0, 1, 2]], np.uint8).repeat(40, 0).repeat(200, 1)
AREA = 40 * 200


@pytest.fixture
def evaluation(tmp_path):
    cv2.imwrite(str(tmp_path / 'street.png'), np.full((*TRUTH.shape, 3), 100, np.uint8))
    cv2.imwrite(str(tmp_path / 'truth.png'), TRUTH)
    sample = Sample(tmp_path / 'street.png', tmp_path / 'truth.png')
    dataset = Dataset('three val', LABELS, (sample,), plain_id_table(LABELS))
    return evaluate(dataset, lambda image_hwc: PREDICTED, trimap_widths_px=(1, 500))


def test_the_table_names_every_class(evaluation):
    rows = [line.split() for line in class_table(evaluation).splitlines()]
    assert rows[1] == ['0', 'road,', 'street', '60.00', '57.14']
    assert rows[2] == ['1', 'sky', '50.00', '42.86']
    assert rows[3] == ['2', 'tram', '-', '0.00']
    assert rows[4] == ['mIoU', '55.00']
    assert rows[5] == ['pixel', 'accuracy', '71.43']


def test_scores_near_borders_are_told_by_width(evaluation):
    head, *rows = trimap_table(evaluation).splitlines()
    assert head.split() == ['trimap', 'px', 'mIoU', '%', 'accuracy', '%', 'pixels', '%']
    # One pixel on each side of 40 + 400 + 40: 480 of class 0, one corner less of class 1. Counted
    # by hand, 241 and 240 of them are right, and 239 of each are taken for the other.
    iou = (241 / (480 + 239), 240 / (479 + 239))
    expected = [50 * sum(iou), 100 * 481 / 959, 100 * 959 / (7 * AREA)]
    assert rows[0].split() == ['1', *(f'{value:.2f}' for value in expected)]
    # As wide as the picture: the table over all pixels.
    assert rows[1].split() == ['500', '55.00', '71.43', '100.00']


def test_the_confusions_can_be_read_again(evaluation, tmp_path):
    write_confusion_csv(evaluation.scores.confusion, LABELS.names, tmp_path / 'confusion.csv')
    with (tmp_path / 'confusion.csv').open(newline='') as file:
        head, *rows = csv.reader(file)
    assert head[1:] == list(LABELS.names)
    assert [row[0] for row in rows] == list(LABELS.names)
    counts = np.array([row[1:] for row in rows], np.int64)
    np.testing.assert_array_equal(counts, AREA * np.array([[3, 1, 0], [1, 2, 0], [0, 0, 0]]))


def test_the_results_are_json_with_the_protocol(evaluation, tmp_path):
    write_results(evaluation, PROTOCOL, tmp_path / 'results.json')
    results = json.loads((tmp_path / 'results.json').read_text(), parse_constant=pytest.fail)
    assert results['mean_iou'] == pytest.approx(0.55)
    assert results['pixel_accuracy'] == pytest.approx(5 / 7)
    assert [each['iou'] for each in results['classes']] == [0.6, 0.5, None]
    assert [each['pixels'] for each in results['classes']] == [4 * AREA, 3 * AREA, 0]
    assert results['protocol']['model_sha256'] == 'ab' * 32
    assert results['images'] == [
        {'image': 'street.png', 'mean_iou': 0.55, 'pixel_accuracy': pytest.approx(5 / 7)}
    ]
    narrow, wide = results['trimaps']
    assert narrow['width_px'] == 1
    assert narrow['pixels'] == 959
    assert wide == {
        'width_px': 500,
        'mean_iou': pytest.approx(0.55),
        'pixel_accuracy': pytest.approx(5 / 7),
        'pixels': 7 * AREA,
        'iou': [0.6, 0.5, None],
    }


def test_errors_are_red_and_ignored_pixels_black():
    image = np.full((*TRUTH.shape, 3), 100, np.uint8)
    drawn = draw_errors(image, PREDICTED, np.where(TRUTH == 7, 255, TRUTH).astype(np.uint8))
    cells = drawn[::40, ::200].reshape(-1, 3).tolist()
    dim, red, black = [50, 50, 50], [230, 30, 30], [0, 0, 0]
    assert cells == [dim, dim, red, dim, dim, red, dim, black]


def test_the_gallery_shows_input_prediction_truth_and_errors(evaluation):
    gallery = draw_gallery(evaluation)
    # 800 x 80 pixels are drawn 480 wide.
    assert gallery.shape[0] >= CAPTION_HEIGHT_PX + 48
    middle = CAPTION_HEIGHT_PX + 12
    road, sky, tram = (list(label.color_rgb) for label in LABELS.classes)
    expected = [[[100] * 3] * 4, [road, road, sky, sky], [road, road, road, sky]]
    expected.append([[50] * 3, [50] * 3, [230, 30, 30], [50] * 3])
    for panel, colors in enumerate(expected):
        left = panel * (480 + GAP_PX)
        assert gallery[middle, [left + x for x in (60, 180, 300, 420)]].tolist() == colors
    legend = gallery[:, 4 * 480 + 3 * GAP_PX :].reshape(-1, 3).tolist()
    assert [color in legend for color in (road, sky, tram)] == [True, True, True]


def test_a_gallery_of_nothing_is_none(evaluation):
    assert draw_gallery(replace(evaluation, worst=())) is None


def test_the_darkest_cell_of_a_row_is_the_commonest_guess(evaluation):
    drawn = draw_confusion(evaluation.scores.confusion, LABELS.names).astype(int)
    cells = drawn[-3 * ROW_HEIGHT_PX :, -3 * 40 :].reshape(3, ROW_HEIGHT_PX, 3, 40, 3)
    corner = cells[:, 1, :, 1].sum(axis=-1)
    assert corner[0].argmin() == 0
    assert corner[1].argmin() == 1
    assert corner[0, 0] < corner[1, 1] < corner[1, 0] < corner[0, 2] == 3 * 255
    assert (cells[2] == 255).all()
    assert cells[0, :, 0].min() < 60


@pytest.mark.parametrize(('count', 'cell'), [(1, (22, 40)), (40, (22, 40)), (171, (22, 22))])
def test_confusions_of_many_classes_are_drawn_without_numbers(count, cell):
    labels = LabelSet.generic(count)
    drawn = draw_confusion(np.eye(count, dtype=np.int64), labels.names)
    margin = drawn.shape[0] - count * cell[0]
    assert drawn.shape == (margin + count * cell[0], margin + count * cell[1], 3)
    # Names stand left of their rows, and above their columns they are the same turned.
    names, heads = drawn[margin:, :margin], drawn[:margin, margin:]
    first = np.rot90(names[: cell[0]])
    before = (cell[1] - cell[0]) // 2
    np.testing.assert_array_equal(heads[:, before : before + cell[0]], first)
    assert names.min() < 100


def test_the_protocol_says_what_was_done():
    text = str(PROTOCOL)
    assert 'model sha256  abab' in text
    assert 'stretched to 6 x 8 pixels' in text
    assert 'nearest pixel, as the node does' in text
    read, brought = averaging_steps((0.5, 1.0), flip=True)
    assert 'times 0.5, 1 (bilinear), each also mirrored' in read
    assert brought.endswith('softmax, mean, winner')
    assert averaging_steps((1.0,), flip=False)[1].endswith('(bilinear), winner')
    dataset = Dataset('three val', LABELS, (Sample('a', 'b'),) * 5, plain_id_table(LABELS))
    assert described_data(dataset, 5) == 'three val, 5 images'
    assert described_data(dataset, 20) == 'three val, 5 of 20 images, evenly spaced'
    assert described_scores(()) == PROTOCOL.scores
    assert 'at most 1, 3 pixels from another class' in described_scores((1, 3))
    assert described_ignored(dataset) == 'id(s) 7, 255 of the label files'
