"""Read and write trained weights, and build the network that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network.architecture import Architecture, VariantName
from rtformer_ros.network.rtformer import RTFormer
from rtformer_ros.network.weights.backbone import refuse_backbone
from rtformer_ros.network.weights.recognition import (
    check_weights,
    expected_weights,
    inferred_settings,
)
from rtformer_ros.network.weights.weights_file import WeightsFile, read_weights, write_weights

_UNUSED_SUFFIX = 'num_batches_tracked'


@dataclass(frozen=True)
class Checkpoint:
    """
    Weights with what is known about them.

    state: float32 tensors by the network's names, without num_batches_tracked; architecture: the
    network that they fit; labels: its classes, where known; notes: further text, such as how it
    was trained.
    """

    state: Mapping[str, Tensor]
    architecture: Architecture
    labels: LabelSet | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def variant(self) -> VariantName:
        """Return 'slim' or 'base'."""
        return self.architecture.variant

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return self.architecture.num_classes

    @classmethod
    def of(
        cls,
        network: RTFormer,
        *,
        labels: LabelSet | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Checkpoint:
        """Return a network's weights, copied to the CPU; labels and notes are kept beside them."""
        state = {
            key: value.detach().to('cpu', torch.float32, copy=True).contiguous()
            for key, value in network.state_dict().items()
            if not key.endswith(_UNUSED_SUFFIX)
        }
        return cls(state, network.architecture, labels, dict(notes or {}))

    def build(self) -> RTFormer:
        """Return a network with these weights, in eval mode, on the CPU."""
        network = RTFormer(self.architecture)
        network.load_state_dict(dict(self.state))
        return network.eval()


def build_from_checkpoint(path: Path | str) -> RTFormer:
    """Return the network of a checkpoint file in eval mode; raises as load_checkpoint does."""
    return load_checkpoint(path).build()


def load_checkpoint(path: Path | str, *, cross_size: int | None = None) -> Checkpoint:
    """
    Read the weights of an RTFormer: our .safetensors or PaddleSeg's .pdparams.

    What a file does not say about its network is inferred from the shapes of its weights. The
    grid of cross-resolution attention leaves no trace there: where a file does not name it and
    `cross_size` is None, it is that of the published network with the same variant and injection.
    Raises CheckpointError, naming the key at fault, for a file that is missing, broken, of another
    kind or of another network.
    """
    path = Path(path)
    file = read_weights(path)
    try:
        return checkpoint_of(file, cross_size=cross_size)
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f'{path}: {error}') from error


def checkpoint_of(file: WeightsFile, *, cross_size: int | None = None) -> Checkpoint:
    """Return the checkpoint in a file's content; as load_checkpoint, raises ConfigError too."""
    architecture = _architecture(file.state, file.header.get('architecture'), cross_size)
    labels = _labels(file.header.get('labels'), architecture.num_classes)
    expected = expected_weights(architecture)
    check_weights(file.state, expected, f'RTFormer {architecture.variant}')
    return Checkpoint(file.state, architecture, labels, file.notes)


def save_checkpoint(checkpoint: Checkpoint, path: Path | str, *, half: bool = False) -> None:
    """
    Write weights as .safetensors, with architecture, labels and notes in its header.

    half: store convolutions as FP16; they are read back as float32. The file appears whole or not
    at all. Raises CheckpointError for another suffix and for weights that FP16 cannot hold,
    ModelError when it cannot be written.
    """
    header = {
        'architecture': asdict(checkpoint.architecture),
        'labels': checkpoint.labels and checkpoint.labels.to_dict(),
        'notes': dict(checkpoint.notes),
    }
    write_weights(Path(path), checkpoint.state, header, half=half)


def _architecture(
    state: Mapping[str, Tensor], described: Any, cross_size: int | None
) -> Architecture:
    """Return the architecture that a header describes or that the shapes of the weights show."""
    refuse_backbone(state)
    try:
        settings = inferred_settings(state) if described is None else dict(described)
        if cross_size is not None:
            settings['cross_size'] = cross_size
        return Architecture(**{**settings, 'injection': tuple(settings['injection'])})
    except ConfigError:
        raise
    except (TypeError, LookupError, ValueError) as error:
        raise CheckpointError(
            'its header describes no network that this version knows '
            f'({type(error).__name__}: {error})'
        ) from error


def _labels(described: Any, num_classes: int) -> LabelSet | None:
    if described is None:
        return None
    labels = LabelSet.from_dict(described, "the header's labels")
    if len(labels) != num_classes:
        raise CheckpointError(f'its header names {len(labels)} classes, its head has {num_classes}')
    return labels
