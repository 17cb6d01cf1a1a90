# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Find what `train` trains on, by the name of its data set: class maps, or whole images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from rtformer_ros.errors import ConfigError, listed
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.tools.train.options import TrainOptions
from rtformer_ros.training.datasets.class_folders import CLASS_FOLDERS, read_class_folders
from rtformer_ros.training.datasets.open_dataset import open_dataset
from rtformer_ros.training.run.run_setup import RunSetup

if TYPE_CHECKING:
    from rtformer_ros.training.process_group import ProcessGroup
    from rtformer_ros.training.tasks.classification import ClassificationTask
    from rtformer_ros.training.tasks.segmentation import SegmentationTask


def classes_of(options: TrainOptions, dataset: str, root: Path) -> LabelSet | tuple[str, ...]:
    """
    Return the classes of a run that is started: labels, or names of folders.

    Raises ConfigError for folders or labels that are not there, and for options that the data
    set has no use for.
    """
    if dataset == CLASS_FOLDERS:
        for name in ('labels', 'split'):
            if getattr(options, name) is not None:
                raise ConfigError(
                    f'--{name} is of no use with --dataset {CLASS_FOLDERS}, whose folders name '
                    'classes and splits; leave it out'
                )
        return read_class_folders(root, 'train').class_names
    if options.labels is None and dataset == 'folder':
        raise ConfigError('--dataset folder needs --labels, a YAML file that names its classes')
    return load_labels(find_labels(options.labels or dataset))


def opened_task(setup: RunSetup, group: ProcessGroup) -> SegmentationTask | ClassificationTask:
    """Return the task of a setup; reads and checks all its images, with progress bars."""
    if isinstance(setup.labels, LabelSet):
        return _segmentation(setup, setup.labels, group)
    return _classification(setup, setup.labels, group)


def _segmentation(setup: RunSetup, labels: LabelSet, group: ProcessGroup) -> SegmentationTask:
    from rtformer_ros.training.data.sample_store import filled_store
    from rtformer_ros.training.tasks.segmentation import SegmentationTask

    train = open_dataset(setup.dataset, setup.root, 'train', labels, setup.split)
    val = open_dataset(setup.dataset, setup.root, 'val', labels, setup.split)
    shared = {sample.image for sample in train.samples} & {sample.image for sample in val.samples}
    if shared and group.is_first:
        print(
            f'{len(shared)} of the {len(val.samples)} images of {val.name} are trained on too: '
            'their scores say nothing about new images',
            file=sys.stderr,
        )
    stores = [filled_store(each, is_silent=not group.is_first) for each in (train, val)]
    for store in stores:
        if not store.pixel_counts.any():
            raise ConfigError(
                f'{store.dataset.name} has no labelled pixel: its label pictures hold nothing but '
                f'ids that are left out; expected ids of {listed(labels.names)}'
            )
    return SegmentationTask(stores[0], stores[1], setup.recipe)


def _classification(
    setup: RunSetup, class_names: Sequence[str], group: ProcessGroup
) -> ClassificationTask:
    from rtformer_ros.training.data.image_store import filled_image_store
    from rtformer_ros.training.tasks.classification import ClassificationTask

    datasets = [read_class_folders(setup.root, each, class_names) for each in ('train', 'val')]
    stores = [filled_image_store(each, is_silent=not group.is_first) for each in datasets]
    return ClassificationTask(stores[0], stores[1], setup.recipe)
