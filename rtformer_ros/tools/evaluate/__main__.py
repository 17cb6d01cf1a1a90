# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Measure a model on a data set.

    python -m rtformer_ros.tools.evaluate --model MODEL --dataset camvid --root PATH --output DIR
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import check_can_write, write_atomically
from rtformer_ros.files.packaged_files import find_labels, find_model, WEIGHTS_SUFFIXES
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.tools.class_shares import read_class_shares
from rtformer_ros.tools.command_line import run_tool
from rtformer_ros.tools.evaluate.classification import evaluate_classifier
from rtformer_ros.tools.evaluate.options import EvaluateOptions, parse_evaluate_options
from rtformer_ros.training.datasets.class_folders import CLASS_FOLDERS
from rtformer_ros.training.datasets.open_dataset import open_dataset

if TYPE_CHECKING:
    from rtformer_ros.evaluation.report import Protocol
    from rtformer_ros.evaluation.scores import Evaluation, Predict
    from rtformer_ros.training.datasets.dataset import Dataset


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    return run_tool('evaluate', lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    options = parse_evaluate_options(arguments)
    if options.dataset == CLASS_FOLDERS:
        evaluate_classifier(options)
        return 0
    evaluation, protocol = _evaluate(options)
    _report(evaluation, protocol, options.output)
    return 0


def _evaluate(options: EvaluateOptions) -> tuple[Evaluation, Protocol]:
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.evaluation.report import described_data, described_scores
    from rtformer_ros.evaluation.scores import evaluate, evenly_spaced
    from rtformer_ros.evaluation.trimaps import TRIMAP_WIDTHS_PX
    from tqdm import tqdm

    labels = load_labels(find_labels(_labels_of(options)))
    whole = open_dataset(options.dataset, options.root, options.split, labels, options.predefined)
    dataset = replace(whole, samples=evenly_spaced(whole.samples, options.limit))
    widths_px = TRIMAP_WIDTHS_PX if options.boundary else ()
    opened = _averaging if options.averages else _running_engine
    with opened(options, dataset) as (predict, protocol):
        data = described_data(dataset, len(whole.samples))
        protocol = replace(protocol, data=data, scores=described_scores(widths_px))
        if options.output is not None:
            # Not after the minutes of measuring.
            check_can_write(options.output / 'results.json')
        print(f'{protocol}\n', flush=True)
        with tqdm(total=len(dataset.samples), desc='evaluate', unit='image') as bar:
            evaluation = evaluate(
                dataset,
                predict,
                worst_count=options.worst,
                trimap_widths_px=widths_px,
                on_image=lambda: bar.update() or None,
            )
    return evaluation, protocol


def _labels_of(options: EvaluateOptions) -> str:
    if options.dataset == 'folder' and not options.labels:
        raise ConfigError('--dataset folder needs --labels, a YAML file that names its classes')
    return options.labels or options.dataset


@contextmanager
def _running_engine(
    options: EvaluateOptions, dataset: Dataset
) -> Iterator[tuple[Predict, Protocol]]:
    """Open the model as the node does."""
    from rtformer_ros.evaluation.report import engine_steps
    from rtformer_ros.evaluation.scores import check_classes
    from rtformer_ros.segmenter import Segmenter, SegmentSettings

    path = find_model(options.model)
    request = EngineRequest(
        path,
        options.engine,
        device=options.device,
        threads=options.threads,
        network_size=options.size or _default_size(path, dataset),
    )
    try:
        engine = open_engine(request)
    except ConfigError:
        # A file that does not tell what its ids mean; any other fault shows again.
        engine = open_engine(replace(request, labels=dataset.labels))
    try:
        description = engine.description
        check_classes(description.labels, dataset.labels, path.name)
        segmenter = Segmenter(engine, SegmentSettings())
        steps = engine_steps(description.height, description.width)
        ran_by = f'{description.engine} on {description.device}: {description.detail}'
        yield (
            lambda image_hwc: segmenter.segment(image_hwc).class_map_hw,
            _protocol(path, dataset, ran_by, steps),
        )
    finally:
        engine.close()


@contextmanager
def _averaging(options: EvaluateOptions, dataset: Dataset) -> Iterator[tuple[Predict, Protocol]]:
    """Build the network of the model's weights."""
    from rtformer_ros.evaluation.averaged_network import AveragedNetwork
    from rtformer_ros.evaluation.report import averaging_steps
    from rtformer_ros.evaluation.scores import check_classes
    from rtformer_ros.network.weights.checkpoint import load_checkpoint
    from rtformer_ros.network.weights.class_prior import with_class_prior
    import torch

    path = find_model(options.model)
    if path.suffix not in WEIGHTS_SUFFIXES:
        raise ConfigError(
            f'--flip, --scales and --prior-tau change or average logits, which {path.name} does '
            f'not give; expected weights: {" or ".join(WEIGHTS_SUFFIXES)}'
        )
    request = EngineRequest(path, 'torch', device=options.device, threads=options.threads)
    torch.set_num_threads(request.thread_count)
    checkpoint = load_checkpoint(path)
    own = checkpoint.labels or LabelSet.generic(checkpoint.num_classes)
    check_classes(own, dataset.labels, path.name)
    shares = None
    if options.prior_tau and options.class_shares:
        shares = read_class_shares(options.class_shares, own)
    checkpoint = with_class_prior(checkpoint, options.prior_tau, shares)
    scales = options.scales or (1.0,)
    network = AveragedNetwork(checkpoint, scales, flip=options.flip, device=request.device)
    ran_by = f'PyTorch {torch.__version__} on {network.device}, FP32'
    steps = averaging_steps(scales, flip=options.flip, prior_tau=options.prior_tau)
    yield network, _protocol(path, dataset, ran_by, steps)


def _protocol(path: Path, dataset: Dataset, engine: str, steps: tuple[str, str]) -> Protocol:
    from rtformer_ros.evaluation.report import described_ignored, Protocol

    return Protocol(
        data=dataset.name,
        model=path.name,
        model_sha256=sha256_of(path),
        engine=engine,
        input=steps[0],
        output=steps[1],
        ignored=described_ignored(dataset),
    )


def _default_size(path: Path, dataset: Dataset) -> tuple[int, int] | None:
    """Return the size of the first image for weights, which take any size."""
    from rtformer_ros.training.data.sample_store import decode_sample

    if path.suffix not in WEIGHTS_SUFFIXES:
        return None
    height, width, _ = decode_sample(dataset, dataset.samples[0])[0].shape
    return height, width


def _report(evaluation: Evaluation, protocol: Protocol, folder: Path | None) -> None:
    from rtformer_ros.evaluation.report import class_table, trimap_table

    print(class_table(evaluation))
    if evaluation.trimaps:
        print(f'\n{trimap_table(evaluation)}')
    if folder is not None:
        print(
            f'\nwritten: {", ".join(str(path) for path in _write(evaluation, protocol, folder))}'
        )


def _write(evaluation: Evaluation, protocol: Protocol, folder: Path) -> list[Path]:
    """Write tables and pictures; return their paths."""
    from rtformer_ros.evaluation.confusion_picture import draw_confusion
    from rtformer_ros.evaluation.gallery import draw_gallery
    from rtformer_ros.evaluation.report import write_confusion_csv, write_results
    from rtformer_ros.imaging.codecs import encode_png

    paths = [folder / name for name in ('results.json', 'confusion.csv', 'confusion.png')]
    write_results(evaluation, protocol, paths[0])
    confusion, names = evaluation.scores.confusion, evaluation.dataset.labels.names
    write_confusion_csv(confusion, names, paths[1])
    picture = draw_confusion(confusion, names)
    write_atomically(paths[2], encode_png(picture).tobytes())
    gallery = draw_gallery(evaluation)
    if gallery is not None:
        paths.append(folder / 'worst_images.png')
        write_atomically(paths[3], encode_png(gallery).tobytes())
    return paths


if __name__ == '__main__':
    sys.exit(main())
