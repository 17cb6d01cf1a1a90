"""Build the head that turns features into logits."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from rtformer_ros.network.blocks import BatchNorm


class SegmentationHead(nn.Module):
    """Classify each pixel: BN, ReLU, 3x3 convolution, BN, ReLU, 1x1 convolution with bias."""

    def __init__(
        self, in_channels: int, inner_channels: int, num_classes: int, momentum: float
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.bn1 = BatchNorm(in_channels, momentum=momentum)
        self.conv1 = nn.Conv2d(in_channels, inner_channels, 3, 1, 1, bias=False)
        self.bn2: nn.Module = BatchNorm(inner_channels, momentum=momentum)
        self.conv2 = nn.Conv2d(inner_channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, num_classes, h, w] for features [n, in, h, w]."""
        x = self.conv1(F.relu(self.bn1(x)))
        return cast('Tensor', self.conv2(F.relu(self.bn2(x))))
