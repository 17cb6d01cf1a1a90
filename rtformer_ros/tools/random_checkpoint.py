# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Make a checkpoint with fixed random weights, which stands in where no trained ones are at hand.

    python -m rtformer_ros.tools.random_checkpoint OUTPUT.safetensors --labels YAML --photo PHOTO

Each layer's weights have two values, +s and -s, so that the files compress well. The head is
scaled and centred on a photograph, so that several classes appear on pictures like it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import sys
import zlib

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import ConfigError, RtformerError
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.network.families.rtformer import build_rtformer
from rtformer_ros.network.families.rtformer_architecture import VariantName, VARIANTS
from rtformer_ros.network.family import SegmentationNetwork
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.weights.checkpoint import Checkpoint, save_checkpoint
import torch
from torch import nn, Tensor

NOTES = {'description': 'untrained: random weights'}

_LOGIT_SPREAD = 2.0
_HEAD_STEP = 2.0**-12
"""Grid to which the head's numbers are rounded, so that all machines arrive at the same file."""

_NORM_VALUES = {'weight': 0.95, 'bias': 0.02, 'running_mean': 0.05, 'running_var': 0.9}


def random_checkpoint(
    variant: VariantName, labels: LabelSet, photo_hwc: npt.NDArray[np.uint8], seed: int = 0
) -> Checkpoint:
    """
    Return an untrained network's checkpoint; the same arguments always give the same weights.

    photo_hwc: uint8 [h, w, 3], RGB; the picture on which the classes are balanced. seed: 0 or
    more. Raises ConfigError for another one.
    """
    if seed < 0:
        raise ConfigError(f'seed is {seed}; expected 0 or more')
    network = build_rtformer(variant, len(labels), aux_head=False).eval()
    network.load_state_dict(
        {key: _random_tensor(key, value, seed) for key, value in network.state_dict().items()}
    )
    _balance_classes(network, photo_hwc)
    return Checkpoint.of(network, labels=labels, notes={**NOTES, 'seed': str(seed)})


def _random_tensor(key: str, like: Tensor, seed: int) -> Tensor:
    leaf = key.rpartition('.')[2]
    if like.ndim != 4:
        return torch.full_like(like, _NORM_VALUES.get(leaf, 0))
    bits_needed = like.numel()
    random = np.random.default_rng([seed, zlib.crc32(key.encode())])
    bits = np.unpackbits(np.frombuffer(random.bytes(-(-bits_needed // 8)), np.uint8))
    size = like[0].numel() ** -0.5
    return torch.from_numpy(bits[:bits_needed] * 2.0 * size - size).float().reshape(like.shape)


def _balance_classes(network: SegmentationNetwork, photo_hwc: npt.NDArray[np.uint8]) -> None:
    """Give the logits of each class the mean 0 and the same spread over the photograph."""
    head = network.get_submodule(network.family.last_layer)
    assert isinstance(head, nn.Conv2d)
    assert head.bias is not None
    with torch.inference_mode():
        images = torch.from_numpy(photo_hwc).unsqueeze(0)
        logits = ImageSegmenter(network).logits(images)[0].flatten(1).double()
        gain = _LOGIT_SPREAD / logits.std(dim=1)
        bias = (head.bias.double() - logits.mean(dim=1)) * gain
        head.weight.copy_(_on_grid(head.weight.double() * gain[:, None, None, None]))
        head.bias.copy_(_on_grid(bias))


def _on_grid(values: Tensor) -> Tensor:
    return (values / _HEAD_STEP).round() * _HEAD_STEP


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog='random_checkpoint', description='Make a checkpoint with fixed random weights.'
    )
    parser.add_argument('output', type=Path, help='file to write, .safetensors')
    parser.add_argument('--labels', type=Path, required=True, help='label file (YAML)')
    parser.add_argument('--photo', type=Path, required=True, help='picture to balance classes on')
    parser.add_argument('--variant', choices=list(VARIANTS), default='slim')
    parser.add_argument('--seed', type=int, default=0, help='0 or more')
    arguments = parser.parse_args()
    try:
        checkpoint = random_checkpoint(
            arguments.variant,
            load_labels(arguments.labels),
            read_image_file(arguments.photo),
            arguments.seed,
        )
        save_checkpoint(checkpoint, arguments.output)
    except RtformerError as error:
        print(f'random_checkpoint: {error}', file=sys.stderr)
        return 1
    print(f'wrote {arguments.output}: {checkpoint.variant}, {NOTES["description"]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
