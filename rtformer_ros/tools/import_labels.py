# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Turn what an annotation program exported into a data set to train on.

    python -m rtformer_ros.tools.import_labels coco EXPORT my_data --background other
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
import sys
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.tools.command_line import run_tool

if TYPE_CHECKING:
    from rtformer_ros.training.annotations.annotated_image import Annotations
    from rtformer_ros.training.annotations.folder_export import FolderExport

FORMATS = ('coco', 'labelme', 'cvat')
_LABELS_FILE = 'labels.yaml'
_INIT = 'rtformer_slim_camvid'
"""Packaged weights: from fresh ones, some hundred pictures teach little."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    return run_tool('import_labels', lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='import_labels',
        description='Write the pictures and the classes of an export as a data set in folders, '
        'with the names of the classes in labels.yaml.',
    )
    parser.add_argument(
        'format', choices=FORMATS, help='coco: COCO instances, as from Roboflow, CVAT, Label '
        'Studio; labelme: a folder of its JSON files; cvat: its "Segmentation mask 1.1"'
    )  # fmt: skip
    parser.add_argument('source', type=Path, help='the export: a folder, or a COCO file')
    parser.add_argument('output', type=Path, help='folder to write, a new one')
    parser.add_argument('--images', type=Path, help='folder of the pictures, if it is another')
    parser.add_argument(
        '--labels', help='label file or packaged label set that gives the ids; by default they '
        'follow the export'
    )  # fmt: skip
    parser.add_argument(
        '--background', metavar='CLASS', help='class of all that was not drawn; by default it is '
        'left out of training and scores'
    )  # fmt: skip
    parser.add_argument(
        '--val-share', type=float, default=0.2, help='share of the pictures to score on: the last '
        'by name (0.2); an export in train and valid keeps its own'
    )  # fmt: skip
    return parser


def _run(options: argparse.Namespace) -> int:
    from rtformer_ros.training.annotations.folder_export import write_folders
    from tqdm import tqdm

    if not 0 <= options.val_share <= 1:
        raise ConfigError(f'--val-share is {options.val_share:g}; expected 0 to 1')
    if not options.source.exists():
        raise ConfigError(f'there is no {options.source}; give the folder of the export')
    annotations = _readers()[options.format](options.source, options.images)
    labels = _labels(options, annotations)
    with tqdm(total=len(annotations.images), unit='image') as bar:
        export = write_folders(
            annotations,
            labels,
            options.output,
            background=options.background,
            val_share=options.val_share,
            on_image=lambda: bar.update() or None,
        )
    _write_labels(labels, options.output / _LABELS_FILE)
    print('\n'.join(_summary(options.output, labels, export)))
    return 0


def _readers() -> Mapping[str, Callable[[Path, Path | None], Annotations]]:
    # Imported here, as pictures need OpenCV, which --help does not.
    from rtformer_ros.training.annotations.coco import read_coco
    from rtformer_ros.training.annotations.cvat_masks import read_cvat_masks
    from rtformer_ros.training.annotations.labelme import read_labelme

    return {'coco': read_coco, 'labelme': read_labelme, 'cvat': read_cvat_masks}


def _labels(options: argparse.Namespace, annotations: Annotations) -> LabelSet:
    from rtformer_ros.training.annotations.folder_export import labels_of_annotations

    if options.labels:
        return load_labels(find_labels(options.labels))
    return labels_of_annotations(annotations, options.output.resolve().name, options.background)


def _write_labels(labels: LabelSet, path: Path) -> None:
    import yaml

    text = yaml.safe_dump(labels.to_dict(), sort_keys=False, allow_unicode=True)
    write_atomically(path, text.encode())


def _summary(output: Path, labels: LabelSet, export: FolderExport) -> list[str]:
    widest = max(map(len, labels.names))
    root, file = quote(str(output)), quote(str(output / _LABELS_FILE))
    train = f'train --dataset folder --root {root} --labels {file}'
    run = quote(f'runs/{output.resolve().name}')
    return [
        f'wrote {output}: {export.images["train"]} images to train on, {export.images["val"]} to '
        'score on; of the pixels are',
        *(f'  {name:{widest}} {share:7.2%}' for name, share in export.shares.items()),
        'groups (drivable, walkable, obstacle, ...) are yours to fill in, in '
        f'{output / _LABELS_FILE}; then train (--init: weights for research and non-commercial '
        'use; leave it out to start from none)',
        f'  ros2 run rtformer_ros {train} --output {run} --init {_INIT} --epochs 100',
    ]


if __name__ == '__main__':
    sys.exit(main())
