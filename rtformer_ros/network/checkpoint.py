"""Read and write trained weights, and build the network that they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from rtformer_ros.errors import CheckpointError, ConfigError
from rtformer_ros.labels import LabelSet
from rtformer_ros.network.architecture import VARIANTS, Architecture, VariantName
from rtformer_ros.network.atomic_file import write_atomically
from rtformer_ros.network.paddleseg import read_pdparams
from rtformer_ros.network.rtformer import RTFormer

_HEADER = 'rtformer_ros'
_UNUSED_SUFFIX = 'num_batches_tracked'
_SHOWN_KEYS = 4


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
    state, text = _read(path)
    state = {key: value for key, value in state.items() if not key.endswith(_UNUSED_SUFFIX)}
    try:
        header = {} if text is None else _parsed(text)
        architecture = _architecture(state, header.get('architecture'), cross_size)
        labels = _labels(header.get('labels'), architecture.num_classes)
        _check_state(state, architecture)
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f'{path}: {error}') from error
    return Checkpoint(state, architecture, labels, header.get('notes', {}))


def save_checkpoint(checkpoint: Checkpoint, path: Path | str) -> None:
    """
    Write weights as .safetensors, with architecture, labels and notes in its header.

    The file appears whole or not at all. Raises CheckpointError for another suffix, ModelError
    when it cannot be written.
    """
    path = Path(path)
    if path.suffix != '.safetensors':
        raise CheckpointError(f'{path}: weights are written as .safetensors; choose that suffix')
    header = {
        'architecture': asdict(checkpoint.architecture),
        'labels': checkpoint.labels and checkpoint.labels.to_dict(),
        'notes': dict(checkpoint.notes),
    }
    # One entry, because safetensors writes several in random order.
    metadata = {_HEADER: json.dumps(header)}
    write_atomically(path, safetensors.torch.save(dict(checkpoint.state), metadata=metadata))


def _read(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Return the weights in a file and the header that save_checkpoint wrote, if it did."""
    if path.suffix == '.pdparams':
        return read_pdparams(path), None
    if path.suffix != '.safetensors':
        raise CheckpointError(
            f"{path} has the suffix '{path.suffix}'; expected .safetensors (written by "
            'save_checkpoint) or .pdparams (from PaddleSeg)'
        )
    try:
        with safetensors.safe_open(path, framework='pt') as file:
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            return state, (file.metadata() or {}).get(_HEADER)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f'{path} is missing, cut short or no safetensors file ({error}); fetch it again'
        ) from error


def _architecture(
    state: Mapping[str, Tensor], described: Any, cross_size: int | None
) -> Architecture:
    """Return the architecture that a header describes or that the shapes of the weights show."""
    try:
        settings = _inferred_settings(state) if described is None else dict(described)
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


def _inferred_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    widths = {published.base_channels: name for name, published in VARIANTS.items()}
    base_channels = _width_of(state, 'conv1.0.weight')
    if base_channels not in widths:
        raise CheckpointError(
            f"'conv1.0.weight' has {base_channels} channels; expected "
            + ' or '.join(f'{width} ({name})' for width, name in widths.items())
        )
    variant = widths[base_channels]
    injection = tuple(f'{block}.down.0.weight' in state for block in ('layer4', 'layer5'))
    # Published for ADE20K; the only slim network without injection in block 5.
    is_slim_ade20k = variant == 'slim' and injection == (True, False)
    return {
        'variant': variant,
        'num_classes': _width_of(state, 'seghead.conv2.weight'),
        'base_channels': base_channels,
        'head_channels': max(1, _width_of(state, 'seghead.conv1.weight') // 2),
        'cross_size': 8 if is_slim_ade20k else VARIANTS[variant].cross_size,
        'injection': injection,
        'drop_path_rate': VARIANTS[variant].drop_path_rate,
        'aux_head': 'seghead_extra.conv1.weight' in state,
    }


def _parsed(text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError as error:
        raise CheckpointError(f"its header '{_HEADER}' is no JSON ({error})") from error
    if not isinstance(header, dict) or not isinstance(header.get('notes', {}), dict):
        raise CheckpointError(f"its header '{_HEADER}' is no JSON object with an object 'notes'")
    return header


def _width_of(state: Mapping[str, Tensor], key: str) -> int:
    """Return the output channels of a convolution."""
    if key not in state:
        raise CheckpointError(
            f"is no RTFormer checkpoint: it lacks '{key}'. Its keys are {_some(state)}"
        )
    if state[key].ndim != 4:
        raise CheckpointError(
            f"'{key}' has the shape {list(state[key].shape)}; expected a convolution's "
            '[out, in, height, width]'
        )
    return state[key].shape[0]


def _labels(described: Any, num_classes: int) -> LabelSet | None:
    if described is None:
        return None
    labels = LabelSet.from_dict(described, "the header's labels")
    if len(labels) != num_classes:
        raise CheckpointError(f'its header names {len(labels)} classes, its head has {num_classes}')
    return labels


def _check_state(state: Mapping[str, Tensor], architecture: Architecture) -> None:
    """Raise CheckpointError unless keys, shapes and numbers fit a network of `architecture`."""
    with torch.device('meta'):
        expected = RTFormer(architecture).state_dict()
    expected_keys = {key for key in expected if not key.endswith(_UNUSED_SUFFIX)}
    missing, foreign = expected_keys - state.keys(), state.keys() - expected_keys
    if missing or foreign:
        raise CheckpointError(
            f'does not fit RTFormer {architecture.variant}: it lacks {_some(missing)} and has '
            f'besides {_some(foreign)}'
        )
    for key in sorted(expected_keys):
        came, wanted = list(state[key].shape), list(expected[key].shape)
        if came != wanted:
            raise CheckpointError(f"'{key}' has the shape {came}; expected {wanted}")
        if not bool(torch.isfinite(state[key]).all()):
            raise CheckpointError(f"'{key}' holds NaN or infinity; the training of it diverged")


def _some(keys: Iterable[str]) -> str:
    ordered = sorted(keys)
    if not ordered:
        return 'nothing'
    shown = ', '.join(repr(key) for key in ordered[:_SHOWN_KEYS])
    rest = len(ordered) - _SHOWN_KEYS
    return f'{shown} and {rest} more' if rest > 0 else shown
