# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Turn weights of the reference into ours, and keep where they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rtformer_ros import __version__
from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network.family import NetworkTask
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.backbone import Backbone, backbone_of, save_backbone
from rtformer_ros.network.weights.checkpoint import Checkpoint, checkpoint_of, save_checkpoint
from rtformer_ros.network.weights.recognition import family_of
from rtformer_ros.network.weights.weights_file import read_weights


@dataclass(frozen=True)
class Conversion:
    """
    What was converted.

    title: of the network's family, as 'RTFormer'; variant: the published size, as 'slim'; task:
    what it does; num_classes: None for a backbone alone; labels: those written into the file;
    dropped: names of weights that were left out, such as those of a classifier.
    """

    title: str
    variant: str
    task: NetworkTask
    num_classes: int | None
    labels: LabelSet | None
    dropped: tuple[str, ...]


def convert_weights(
    source: Path,
    target: Path,
    *,
    labels: LabelSet | None = None,
    origin: str = '',
    cross_size: int | None = None,
    half: bool = False,
    families: Families = FAMILIES,
) -> Conversion:
    """
    Write the weights of `source` as `target` (.safetensors); see read_weights for its kinds.

    A backbone without heads, as trained on ImageNet, becomes a file for `train --init`, and so
    does a classifier with its own.
    labels: the classes, in place of those that the source names; origin: free text on where it
    comes from, kept with its name and SHA-256; cross_size: see load_checkpoint; half: store
    convolutions as FP16; families: the known ones. The same arguments always give the same file.
    Raises CheckpointError for a source that cannot be used, ConfigError for settings that do not
    fit it, ModelError when `target` cannot be written.
    """
    if target.resolve() == source.resolve():
        raise ConfigError(f'{target} is the file to convert itself; choose another name to write')
    file = read_weights(source)
    notes = {**file.notes, **_provenance(source, origin)}
    try:
        family = family_of(file, families)
        if not family.has_head(family.own_weights(file.state)):
            _check_is_backbone_setting(labels, cross_size)
            backbone = replace(backbone_of(file, families), notes=notes)
            save_backbone(backbone, target, half=half)
            return _of_backbone(backbone)
        checkpoint = checkpoint_of(file, cross_size=cross_size, task=None, families=families)
    except (CheckpointError, ConfigError) as error:
        raise type(error)(f'{source}: {error}') from error
    checkpoint = replace(checkpoint, labels=_fitting(labels, checkpoint, source), notes=notes)
    save_checkpoint(checkpoint, target, half=half)
    described = (family.title, checkpoint.variant, family.task)
    return Conversion(*described, checkpoint.num_classes, checkpoint.labels, ())


def _provenance(source: Path, origin: str) -> dict[str, str]:
    notes = {
        'converted_from': source.name,
        'converted_from_sha256': sha256_of(source),
        'converter': f'rtformer_ros {__version__}',
    }
    return {**notes, 'source': origin} if origin else notes


def _check_is_backbone_setting(labels: LabelSet | None, cross_size: int | None) -> None:
    if labels is not None or cross_size is not None:
        raise ConfigError(
            'holds a backbone without a segmentation head, which has neither labels nor a cross '
            'size of its own; leave these options out'
        )


def _of_backbone(backbone: Backbone) -> Conversion:
    family = backbone.family
    return Conversion(family.title, backbone.variant, family.task, None, None, backbone.dropped)


def _fitting(labels: LabelSet | None, checkpoint: Checkpoint, source: Path) -> LabelSet | None:
    """Return the labels asked for, else the file's own; raises ConfigError for too few or many."""
    if labels is not None and len(labels) != checkpoint.num_classes:
        raise ConfigError(
            f"the label set '{labels.name}' has {len(labels)} classes, but {source} tells "
            f'{checkpoint.num_classes} apart; give the labels that it was trained with'
        )
    return labels or checkpoint.labels
