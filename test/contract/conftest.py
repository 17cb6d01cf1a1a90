# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make one small network, in every form that an engine can open, and pictures to feed it."""

import copy
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import build_rtformer, Checkpoint, RTFormer, save_checkpoint
import torch

SAMPLES = Path(__file__).parents[2] / 'samples'
HEIGHT, WIDTH = 90, 120
LABELS = LabelSet.generic(5, 'five')
MEAN_RGB, STD_RGB = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@dataclass(frozen=True)
class SmallNetwork:
    """A narrow RTFormer with its files by suffix."""

    network: RTFormer
    files: dict

    def expected(self, images_nhwc):
        """Return (logits, probabilities), float64 [N, classes, H, W]: no engine, no export."""
        normalised = torch.from_numpy((images_nhwc / 255 - MEAN_RGB) / STD_RGB)
        with torch.inference_mode():
            logits = copy.deepcopy(self.network).double()(normalised.permute(0, 3, 1, 2))
        return logits.numpy(), logits.softmax(dim=1).numpy()


def street(count=1, first=0):
    """Return crops of a real street, uint8 RGB [count, HEIGHT, WIDTH, 3], all different."""
    photo = cv2.cvtColor(cv2.imread(str(SAMPLES / 'leuven_a.jpg')), cv2.COLOR_BGR2RGB)
    crops = []
    for index in range(first, first + count):
        window = photo[20 * index : 20 * index + 4 * HEIGHT, 40 * index : 40 * index + 4 * WIDTH]
        crops.append(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return np.stack(crops)


@pytest.fixture(scope='session')
def images():
    return street


@pytest.fixture(scope='session')
def small_network(tmp_path_factory):
    folder = tmp_path_factory.mktemp('small_network')
    network = _network()
    files = {suffix: folder / f'small{suffix}' for suffix in ('.safetensors', '.onnx')}
    save_checkpoint(Checkpoint.of(network, labels=LABELS), files['.safetensors'])
    export_onnx(files['.safetensors'], files['.onnx'], HEIGHT, WIDTH)
    return SmallNetwork(network, files)


def _network():
    """Return random weights whose batch norms have seen a street, so that all layers matter."""
    torch.manual_seed(1)
    network = build_rtformer(
        'slim',
        len(LABELS),
        base_channels=8,
        head_channels=8,
        drop_path_rate=0.0,
        aux_head=False,
        bn_momentum=1.0,
    )
    normalised = torch.from_numpy((street(4) / 255 - MEAN_RGB) / STD_RGB).float()
    with torch.no_grad():
        network(normalised.permute(0, 3, 1, 2))
    return network.eval()
