# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Networks of parallel groups as PalQuant's authors build them, of our parts."""

import oracle
from rtformer_ros.network.blocks import BasicBlock
from rtformer_ros.network.quantisation.parallel.cyclic_shuffle import CyclicShuffle
from rtformer_ros.network.quantisation.parallel.parallel_block import ParallelBlock
from rtformer_ros.network.quantisation.parallel.parallel_convolution import ParallelConvolution
import torch
from torch import nn
import torch.nn.functional as F

LEVELS = 4


def quantised(module, groups):
    """A module whose convolutions are in groups, with quantisers that the next input sets."""
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            conv.groups = groups
            wanted = torch.empty(conv.out_channels, conv.in_channels // groups, *conv.kernel_size)
            conv.weight = nn.Parameter(wanted)
            ParallelConvolution.convert(conv, LEVELS)
            conv.observes = True
    return module


def block(channels_in, channels_out, stride, groups):
    """A basic block; channels: of all groups together."""
    made = quantised(BasicBlock(channels_in, channels_out, stride, 0.1, final_relu=True), groups)
    ParallelBlock.convert(made, groups, None)
    return made


class ResNet18(nn.Module):
    """ResNet-18 of parallel groups; the first and the last layer are neither."""

    def __init__(self, groups):
        super().__init__()
        width = 64 * groups
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for number in range(1, 5):
            before = width
            width = 64 * groups << (number - 1)
            stage = [block(before, width, 1 if number == 1 else 2, groups)]
            stage.append(block(width, width, 1, groups))
            if number > 1:
                shuffle = quantised(CyclicShuffle(before, groups, 0.1), groups)
                self.add_module(f'shuffle{number}', shuffle)
            self.add_module(f'layer{number}', nn.Sequential(*stage))
        self.fc = nn.Linear(width, 1000)

    def forward(self, images):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, 2, 1)
        x = self.layer1(x)
        for number in range(2, 5):
            x = self.get_submodule(f'layer{number}')(self.get_submodule(f'shuffle{number}')(x))
        return self.fc(x.mean((2, 3)))


def with_reference_weights(module, name, prefix=''):
    """The module in eval mode, with the weights that a file of shapes lists below a prefix."""
    state = {
        oracle.our_key(key.removeprefix(prefix)): torch.from_numpy(value)
        for key, value in oracle.weights_of(name, of_torch=True).items()
        if key.startswith(prefix)
    }
    missing, unexpected = module.load_state_dict(state, strict=False)
    assert not unexpected
    assert not [key for key in missing if key.endswith(('conv1.weight', 'running_var', 'bias'))]
    return module.eval()
