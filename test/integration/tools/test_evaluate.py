# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The command line measures what a count by hand gives, for ONNX files and for weights."""

import csv
import json
import shutil
import subprocess
import sys

from closed_form_models import brightest_channel, RGB_LABELS
import cv2
import numpy as np
import pytest
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import build_rtformer, Checkpoint, ImageSegmenter, save_checkpoint
import torch
import yaml

HEIGHT, WIDTH, COUNT = 48, 64, 3
IGNORED = 255


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """A data set in which each image's brightest channels are known; a few labels are wrong."""
    folder = tmp_path_factory.mktemp('dataset')
    (folder / 'labels.yaml').write_text(yaml.safe_dump(RGB_LABELS.to_dict()))
    for name in ('images', 'labels'):
        (folder / 'val' / name).mkdir(parents=True)
    for number in range(COUNT):
        image, label = sample(number)
        cv2.imwrite(str(folder / f'val/images/{number}.png'), image[..., ::-1])
        cv2.imwrite(str(folder / f'val/labels/{number}.png'), label)
    return folder


def sample(number):
    rng = np.random.default_rng(number)
    image = rng.integers(0, 100, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    label = rng.integers(0, 3, (HEIGHT, WIDTH), dtype=np.uint8)
    np.put_along_axis(image, label[..., None].astype(np.int64), 200, axis=2)
    wrong = rng.random(label.shape) < 0.2 * number
    label = np.where(wrong, (label + 1) % 3, label).astype(np.uint8)
    label[:5] = IGNORED
    return image, label


def evaluate(root, model, *options):
    command = [sys.executable, '-m', 'rtformer_ros.tools.evaluate', '--model', model]
    command += ['--dataset', 'folder', '--root', root, '--labels', root / 'labels.yaml', *options]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def expected_confusion(class_map_of, numbers=range(COUNT)):
    confusion = np.zeros((3, 3), np.int64)
    for number in numbers:
        image, label = sample(number)
        counts = label != IGNORED
        np.add.at(confusion, (label[counts], class_map_of(image)[counts]), 1)
    return confusion


def written_confusion(folder):
    with (folder / 'confusion.csv').open(newline='') as file:
        return np.array([row[1:] for row in list(csv.reader(file))[1:]], np.int64)


def tiny_checkpoint(path, labels):
    torch.manual_seed(1)
    network = build_rtformer('slim', 3, cross_size=3, base_channels=8, head_channels=8).train()
    for _ in range(10):
        network(torch.randn(2, 3, 64, 64))
    checkpoint = Checkpoint.of(network, labels=labels)
    save_checkpoint(checkpoint, path)
    return ImageSegmenter(checkpoint.build()).eval()


def test_an_onnx_file_is_measured_as_the_node_runs_it(root, tmp_path):
    model = brightest_channel(tmp_path / 'rgb.onnx', HEIGHT, WIDTH)
    options = ('--output', tmp_path / 'out', '--worst', '2', '--boundary')
    done = evaluate(root, model, *options)
    assert done.returncode == 0, done.stderr
    assert 'as the node does' in done.stdout
    confusion = written_confusion(tmp_path / 'out')
    np.testing.assert_array_equal(
        confusion, expected_confusion(lambda image: image.argmax(axis=2))
    )
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    right = np.diag(confusion)
    iou = right / (confusion.sum(axis=0) + confusion.sum(axis=1) - right)
    assert results['mean_iou'] == pytest.approx(iou.mean())
    assert results['pixel_accuracy'] == pytest.approx(right.sum() / confusion.sum())
    assert f'{100 * iou.mean():.2f}' in done.stdout
    assert results['images'][0]['pixel_accuracy'] == 1.0
    assert 'trimap px' in done.stdout
    assert 'at most 1, 3, 5, 9 pixels from another class' in done.stdout
    assert [each['width_px'] for each in results['trimaps']] == [1, 3, 5, 9]
    # Of labels drawn pixel by pixel, every one has another class within nine pixels.
    assert results['trimaps'][3]['mean_iou'] == pytest.approx(iou.mean())
    assert results['trimaps'][3]['pixels'] == confusion.sum()
    gallery = cv2.imread(str(tmp_path / 'out' / 'worst_images.png'))
    assert gallery.shape[1] > 4 * WIDTH
    assert gallery.shape[0] == 2 * (HEIGHT + 22)
    assert (tmp_path / 'out' / 'confusion.png').is_file()


@pytest.mark.parametrize('labels', [RGB_LABELS, None], ids=['named', 'unnamed'])
def test_weights_are_measured_as_engine_and_as_network(root, tmp_path, labels):
    segmenter = tiny_checkpoint(tmp_path / 'tiny.safetensors', labels)

    def class_map(image):
        with torch.inference_mode():
            return segmenter(torch.from_numpy(image)[None])[0][0].numpy()

    expected = expected_confusion(class_map)
    assert (expected.sum(axis=0) > 0).sum() > 1
    for number, options in enumerate([(), ('--scales', '1')]):
        folder = tmp_path / f'out_{number}'
        done = evaluate(root, tmp_path / 'tiny.safetensors', *options, '--output', folder)
        assert done.returncode == 0, done.stderr
        # Speed-ups may turn the odd pixel.
        assert np.abs(written_confusion(folder) - expected).sum() <= 0.001 * expected.sum()
    assert 'at their own size times 1' in done.stdout


def test_mirrored_images_and_a_limit_show_in_the_protocol(root, tmp_path):
    tiny_checkpoint(tmp_path / 'tiny.safetensors', RGB_LABELS)
    done = evaluate(
        root, tmp_path / 'tiny.safetensors', '--flip', '--scales', '0.5,1', '--limit', '1'
    )
    assert done.returncode == 0, done.stderr
    assert 'rgb val, 1 of 3 images' in done.stdout
    assert 'times 0.5, 1 (bilinear), each also mirrored' in done.stdout
    assert 'pixel accuracy' in done.stdout


def test_a_split_file_decides_which_images_are_measured(root, tmp_path):
    drives = tmp_path / 'drives'
    shutil.copytree(root, drives)
    for kind in ('images', 'labels'):
        (drives / 'train' / kind).mkdir(parents=True)
        (drives / 'val' / kind / '0.png').rename(drives / 'train' / kind / '0.png')
    (tmp_path / 'mine.yaml').write_text("train: ['1']\nval: ['0', '2']\n")
    model = brightest_channel(tmp_path / 'rgb.onnx', HEIGHT, WIDTH)
    for suffix, numbers in (('', (0, 2)), (':train', (1,))):
        folder = tmp_path / f'out{suffix[1:]}'
        split = f'{tmp_path / "mine.yaml"}{suffix}'
        done = evaluate(drives, model, '--split', split, '--output', folder)
        assert done.returncode == 0, done.stderr
        assert f'of mine, {len(numbers)} images' in done.stdout
        expected = expected_confusion(lambda image: image.argmax(axis=2), numbers)
        np.testing.assert_array_equal(written_confusion(folder), expected)


def test_a_class_prior_makes_rare_classes_rarer(root, tmp_path):
    segmenter = tiny_checkpoint(tmp_path / 'tiny.safetensors', RGB_LABELS)
    shares = {'red': 80, 'green': 2, 'blue': 18}
    (tmp_path / 'shares.json').write_text(json.dumps(shares))
    moved = 0.3 * torch.tensor([0.8, 0.02, 0.18]).log().reshape(1, 3, 1, 1)

    def class_map(image):
        with torch.inference_mode():
            logits = segmenter.logits(torch.from_numpy(image)[None]) + moved
        return logits.argmax(dim=1)[0].numpy()

    model, options = tmp_path / 'tiny.safetensors', ['--prior-tau', '0.3']
    assert 'do not say how often each class occurs' in evaluate(root, model, *options).stderr
    options += ['--class-shares', tmp_path / 'shares.json', '--output', tmp_path / 'out']
    done = evaluate(root, model, *options)
    assert done.returncode == 0, done.stderr
    assert 'logits plus 0.3 log(share of the class)' in done.stdout
    expected = expected_confusion(class_map)
    came = written_confusion(tmp_path / 'out')
    assert np.abs(came - expected).sum() <= 0.001 * expected.sum()


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--flip',), 'average logits, which rgb.onnx does not give; expected weights'),
        (('--size', '9by9'), "--size is '9by9'; expected HEIGHTxWIDTH"),
        (('--size', '20x20'), 'made for 48 x 64 pixels'),
        (('--scales', 'half'), 'expected numbers'),
        (('--scales', '1', '--size', '20x20'), '--size is of no use'),
        (('--limit', '0'), 'limit is 0'),
        (('--split', 'train'), 'there is no folder'),
        (('--split', 'none'), "there is no split file 'none'"),
        (('--prior-tau', '0.3'), 'average logits, which rgb.onnx does not give'),
        (('--engine', 'torch'), 'the engine torch runs .safetensors'),
        (('--labels', 'camvid'), "rgb.onnx tells 3 classes apart, 'camvid' has 11"),
        (('--dataset', 'none'), "no data set 'none'"),
        (('--worst', '-1'), '--worst is -1; expected 0 (no gallery) or more'),
        (('--output', '/dev/null'), 'cannot write /dev/null/results.json: '),
    ],
)
def test_what_cannot_be_measured_gives_one_line(root, tmp_path, capsys, options, words):
    from rtformer_ros.tools.evaluate.__main__ import main

    model = brightest_channel(tmp_path / 'rgb.onnx', HEIGHT, WIDTH)
    given = ['--model', model, '--dataset', 'folder', '--root', root]
    given += ['--labels', root / 'labels.yaml', *options]
    assert main([str(part) for part in given]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('evaluate: ')
    assert words in line


def test_a_model_of_other_classes_is_refused(root, tmp_path, capsys):
    from rtformer_ros.tools.evaluate.__main__ import main

    others = LabelSet('others', RGB_LABELS.classes[::-1])
    tiny_checkpoint(tmp_path / 'tiny.safetensors', others)
    given = ['--model', tmp_path / 'tiny.safetensors', '--dataset', 'folder', '--root', root]
    for options in ([], ['--flip']):
        arguments = [*given, '--labels', root / 'labels.yaml', *options]
        assert main([str(part) for part in arguments]) == 1
        assert "class 0 of tiny.safetensors is 'blue', that of 'rgb' is 'red'" in (
            capsys.readouterr().err
        )
