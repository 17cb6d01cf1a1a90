# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measure a classifier on the images of class folders: top-1, top-5, confusions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.engines import EngineRequest
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.files.atomic_file import check_can_write, write_atomically
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.labels.label_set import MAX_CLASSES
from rtformer_ros.tools.evaluate.options import EvaluateOptions
from rtformer_ros.training.datasets.class_folders import CLASS_FOLDERS, read_class_folders

if TYPE_CHECKING:
    from rtformer_ros.evaluation.report import Protocol
    from rtformer_ros.network.weights.checkpoint import Checkpoint
    from rtformer_ros.training.datasets.class_folders import ClassificationDataset
    from rtformer_ros.training.metrics import ClassificationScores

_WEIGHTS_SUFFIXES = ('.safetensors', '.pdparams', '.pth')


def evaluate_classifier(options: EvaluateOptions) -> None:
    """
    Print the scores of a classifier and write them where the options say.

    Raises ConfigError for options of segmentation, and for a data set of other classes;
    CheckpointError, saying what it is, for a model that does not classify images as a whole.
    """
    from rtformer_ros.evaluation.averaged_network import named_device
    from rtformer_ros.evaluation.classifier import (
        image_class_table,
        score_classifier,
        scored_crop,
    )
    from tqdm import tqdm

    _refuse_segmentation(options)
    path = find_model(options.model)
    checkpoint = _classifier_of(path)
    dataset, data = _dataset(options, checkpoint, path)
    crop, device = scored_crop(checkpoint, options.size), named_device(options.device)
    protocol = _protocol(path, data, str(device), str(crop))
    if options.output is not None:
        # Not after the minutes of measuring.
        check_can_write(options.output / 'results.json')
    print(f'{protocol}\n', flush=True)
    _use_threads(options, path)
    with tqdm(total=len(dataset.samples), desc='evaluate', unit='image') as bar:
        scores = score_classifier(checkpoint, dataset, crop, device, bar.update)
    print(image_class_table(scores, dataset.class_names))
    if options.output is not None:
        written = _write(scores, dataset.class_names, protocol, options.output)
        print(f'\nwritten: {", ".join(map(str, written))}')


def _refuse_segmentation(options: EvaluateOptions) -> None:
    """Raise ConfigError for an option that has no meaning for images as a whole."""
    given = {
        '--labels': bool(options.labels),
        '--split FILE': options.predefined is not None,
        f'--engine {options.engine}': options.engine not in ('auto', 'torch'),
        '--flip, --scales and --prior-tau': options.averages,
        '--class-shares': options.class_shares is not None,
    }
    for name, is_given in given.items():
        if is_given:
            raise ConfigError(
                f'{name} is of no use with --dataset {CLASS_FOLDERS}, whose images are '
                'classified as a whole, by PyTorch; leave it out'
            )


def _classifier_of(path: Path) -> Checkpoint:
    from rtformer_ros.network.weights.checkpoint import load_checkpoint

    if path.suffix not in _WEIGHTS_SUFFIXES:
        raise ConfigError(
            f'{path.name} is a model for engines, which segment; --dataset {CLASS_FOLDERS} needs '
            f'the weights of a classifier: {" or ".join(_WEIGHTS_SUFFIXES)}'
        )
    try:
        return load_checkpoint(path, task='classification')
    except CheckpointError as error:
        raise CheckpointError(f'--dataset {CLASS_FOLDERS} needs a classifier: {error}') from error


def _dataset(
    options: EvaluateOptions, checkpoint: Checkpoint, path: Path
) -> tuple[ClassificationDataset, str]:
    """Return the images to score, and what they are in words."""
    from rtformer_ros.evaluation.classifier import check_class_count
    from rtformer_ros.evaluation.report import described_count
    from rtformer_ros.evaluation.scores import evenly_spaced

    whole = read_class_folders(options.root, options.split, checkpoint.class_names)
    check_class_count(checkpoint, whole, path.name)
    dataset = replace(whole, samples=evenly_spaced(whole.samples, options.limit))
    return dataset, described_count(whole.name, len(dataset.samples), len(whole.samples))


def _use_threads(options: EvaluateOptions, path: Path) -> None:
    import torch

    request = EngineRequest(path, 'torch', device=options.device, threads=options.threads)
    torch.set_num_threads(request.thread_count)


def _protocol(path: Path, data: str, device: str, crop: str) -> Protocol:
    from rtformer_ros.evaluation.classifier import IMAGES_SCORED
    from rtformer_ros.evaluation.report import Protocol
    import torch

    return Protocol(
        data=data,
        model=path.name,
        model_sha256=sha256_of(path),
        engine=f'PyTorch {torch.__version__} on {device}, FP32',
        input=crop,
        output='logits of each image',
        ignored='nothing',
        scores=IMAGES_SCORED,
    )


def _write(
    scores: ClassificationScores, names: tuple[str, ...], protocol: Protocol, folder: Path
) -> list[Path]:
    """Write tables and, of as many classes as a mask can hold, a picture; return their paths."""
    from rtformer_ros.evaluation.classifier import write_image_results
    from rtformer_ros.evaluation.confusion_picture import draw_confusion
    from rtformer_ros.evaluation.report import write_confusion_csv
    from rtformer_ros.imaging.codecs import encode_png

    paths = [folder / 'results.json', folder / 'confusion.csv']
    write_image_results(scores, names, protocol, paths[0])
    write_confusion_csv(scores.confusion, names, paths[1])
    if len(names) <= MAX_CLASSES:
        paths.append(folder / 'confusion.png')
        write_atomically(paths[2], encode_png(draw_confusion(scores.confusion, names)).tobytes())
    return paths
