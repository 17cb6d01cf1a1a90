# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A small trained-like network of parallel groups, and its file."""

import numpy as np
from rtformer_ros.network import build_rtformer, Checkpoint, ImageSegmenter
from rtformer_ros.network.quantisation.group_precision import GroupPrecision
from rtformer_ros.network.quantisation.parallel.parallel_checkpoint import ParallelCheckpoint
from rtformer_ros.network.quantisation.parallel.parallel_file import save_parallel
from rtformer_ros.network.quantisation.parallel.parallel_network import observe_ranges, parallelise
import torch
from torch import nn
from training_scenes import scene

SIZE = (64, 96)


def scenes(count):
    return torch.from_numpy(np.stack([scene(seed, *SIZE)[0] for seed in range(count)]))


def parallel_network(bits=4, groups=2):
    """A network with norms of both signs, statistics of its own images, and live shuffles."""
    torch.manual_seed(1)
    network = build_rtformer('slim', 4, base_channels=8, head_channels=8, bn_momentum=1.0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=0.6, std=0.5)
            nn.init.normal_(module.bias, std=0.2)
    nn.init.normal_(network.seghead.conv2.weight, std=0.5)
    ImageSegmenter(network).logits(scenes(2))
    network.eval()
    parallelise(network, GroupPrecision(bits, groups))
    observe_ranges(network, scenes(2))
    for name, module in network.named_modules():
        if name.endswith('shuffle.conv1.1'):
            nn.init.constant_(module.weight, 0.5)
    network.train()
    ImageSegmenter(network).logits(scenes(2))
    return network.eval()


def save(network, path):
    checkpoint = Checkpoint.of(network, notes={'from': 'test'})
    save_parallel(ParallelCheckpoint.quantised(network, checkpoint), path)
    return path
