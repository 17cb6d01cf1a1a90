# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Read and write trained weights, and build the network that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
import math
from pathlib import Path
from typing import Any

from rtformer_ros.errors import CheckpointError, ConfigError, shown
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network.architecture import Architecture
from rtformer_ros.network.family import (
    ClassificationNetwork,
    Network,
    NetworkFamily,
    NetworkTask,
    SegmentationNetwork,
)
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.recognition import (
    check_task,
    check_weights,
    expected_weights,
    family_of,
)
from rtformer_ros.network.weights.weights_file import (
    read_weights,
    UNUSED_SUFFIX,
    WeightsFile,
    write_weights,
)
import torch
from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """
    Weights with what is known about them.

    state: float32 tensors by the network's names, without num_batches_tracked; family and
    architecture: the network that they fit; labels: its classes, where known; notes: further
    text, such as how it was trained; class_shares: share of each class among the labelled pixels,
    or images, that it was trained on, 0..1, where known; class_names: of a classifier, in place of
    labels, as its classes have no colours and may be more than a mask can hold.
    """

    state: Mapping[str, Tensor]
    family: NetworkFamily
    architecture: Architecture
    labels: LabelSet | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    class_shares: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def variant(self) -> str:
        """Return the published size, as 'slim' of RTFormer."""
        return self.architecture.variant

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return self.architecture.num_classes

    @classmethod
    def of(
        cls,
        network: Network,
        *,
        labels: LabelSet | None = None,
        notes: Mapping[str, str] | None = None,
        class_shares: tuple[float, ...] | None = None,
        class_names: tuple[str, ...] | None = None,
    ) -> Checkpoint:
        """Return a network's weights, copied to the CPU; the rest is kept beside them."""
        state = {
            key: value.detach().to('cpu', torch.float32, copy=True).contiguous()
            for key, value in network.state_dict().items()
            if not key.endswith(UNUSED_SUFFIX)
        }
        described = (network.family, network.architecture)
        return cls(state, *described, labels, dict(notes or {}), class_shares, class_names)

    def build(self) -> SegmentationNetwork:
        """Return a network with these weights, in eval mode, on the CPU; it has to segment."""
        network = self._build()
        assert isinstance(network, SegmentationNetwork)
        return network

    def build_classifier(self) -> ClassificationNetwork:
        """Return a network with these weights, as `build` does; it has to classify images."""
        network = self._build()
        assert isinstance(network, ClassificationNetwork)
        return network

    def _build(self) -> Network:
        network = self.family.network(self.architecture)
        network.load_state_dict(dict(self.state))
        return network.eval()


def load_checkpoint(
    path: Path | str,
    *,
    cross_size: int | None = None,
    task: NetworkTask | None = 'segmentation',
    families: Families = FAMILIES,
) -> Checkpoint:
    """
    Read the weights of a network of one of `families`, from our file or the reference's.

    task: what the network has to do, None for any; see read_weights for the kinds of files.
    What a file does not say about its network is inferred from the names and shapes of its
    weights. The grid of RTFormer's cross-resolution attention leaves no trace there: where a file
    does not name it and `cross_size` is None, it is that of the published network with the same
    variant and injection. Raises CheckpointError, naming the key at fault, for a file that is
    missing, broken, of another kind or of another network.
    """
    path = Path(path)
    file = read_weights(path)
    try:
        return checkpoint_of(file, cross_size=cross_size, task=task, families=families)
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f'{path}: {error}') from error


def checkpoint_of(
    file: WeightsFile,
    *,
    cross_size: int | None = None,
    task: NetworkTask | None = 'segmentation',
    families: Families = FAMILIES,
    expected: Callable[[NetworkFamily, Architecture], Mapping[str, Tensor]] = expected_weights,
) -> Checkpoint:
    """
    Return the checkpoint in a file's content; as load_checkpoint, raises ConfigError too.

    expected: returns tensors without content for all weights, by name.
    """
    family = family_of(file, families)
    state = family.own_weights(file.state)
    check_task(state, family, task)
    changes = {} if cross_size is None else {'cross_size': cross_size}
    architecture = _architecture(file, family, changes)
    check_weights(state, expected(family, architecture), f'{family.title} {architecture.variant}')
    return Checkpoint(
        state,
        family,
        architecture,
        _labels(file.header.get('labels'), architecture.num_classes),
        file.notes,
        _class_shares(file.header.get('class_shares'), architecture.num_classes),
        _class_names(file.header.get('class_names'), architecture.num_classes),
    )


def save_checkpoint(checkpoint: Checkpoint, path: Path | str, *, half: bool = False) -> None:
    """
    Write weights as .safetensors, with all that is known about them in its header.

    half: store convolutions as FP16; they are read back as float32. The file appears whole or not
    at all. Raises CheckpointError for another suffix and for weights that FP16 cannot hold,
    ModelError when it cannot be written.
    """
    header = checkpoint_header(checkpoint)
    write_weights(Path(path), checkpoint.state, header, half=half)


def checkpoint_header(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return all that is known about weights as plain data, which checkpoint_of reads."""
    header: dict[str, Any] = {
        'family': checkpoint.family.name,
        'architecture': asdict(checkpoint.architecture),
        'labels': checkpoint.labels and checkpoint.labels.to_dict(),
        'notes': dict(checkpoint.notes),
    }
    if checkpoint.class_shares is not None:
        header['class_shares'] = list(checkpoint.class_shares)
    if checkpoint.class_names is not None:
        header['class_names'] = list(checkpoint.class_names)
    return header


def _architecture(
    file: WeightsFile, family: NetworkFamily, changes: Mapping[str, Any]
) -> Architecture:
    """Return the architecture that a header describes or that the shapes of the weights show."""
    known = [item.name for item in fields(family.architecture)]
    for name in changes:
        if name not in known:
            raise ConfigError(f'{family.title} has no {name}; leave this option out')
    described = file.header.get('architecture')
    try:
        settings = family.settings_of(file.state) if described is None else dict(described)
        # JSON has lists where settings have tuples.
        plain = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return family.architecture(**{**plain, **changes})
    except ConfigError:
        raise
    except (TypeError, LookupError, ValueError) as error:
        raise CheckpointError(
            f'its header describes no network that this version knows ({shown(str(error))})'
        ) from error


def _labels(described: Any, num_classes: int) -> LabelSet | None:
    if described is None:
        return None
    labels = LabelSet.from_dict(described, "the header's labels")
    if len(labels) != num_classes:
        raise CheckpointError(
            f'its header names {len(labels)} classes, its head has {num_classes}'
        )
    return labels


def _class_shares(described: Any, num_classes: int) -> tuple[float, ...] | None:
    if described is None:
        return None
    is_list = isinstance(described, list) and len(described) == num_classes
    if not is_list or not all(isinstance(share, float | int) for share in described):
        raise CheckpointError(f"its header's class_shares are no list of {num_classes} numbers")
    if not math.isclose(sum(described), 1, abs_tol=1e-3) or min(described) < 0:
        raise CheckpointError(
            f"its header's class_shares add up to {sum(described)}; expected shares of 1"
        )
    return tuple(float(share) for share in described)


def _class_names(described: Any, num_classes: int) -> tuple[str, ...] | None:
    if described is None:
        return None
    is_list = isinstance(described, list) and len(described) == num_classes
    if not is_list or not all(isinstance(name, str) for name in described):
        raise CheckpointError(f"its header's class_names are no list of {num_classes} texts")
    return tuple(described)
