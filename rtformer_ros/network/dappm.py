"""Build the deep aggregation pyramid pooling module of DDRNet (arXiv 2101.06085)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from rtformer_ros.network.blocks import norm_relu_conv, spatial_size, upsample

_POOLINGS = ((5, 2), (9, 4), (17, 8))


class DAPPM(nn.Module):
    """
    Gather context at five scales, from the pixel itself to the whole image.

    Each scale is added to the processed one before it. Average pools count their padding.
    """

    def __init__(
        self, in_channels: int, inner_channels: int, out_channels: int, momentum: float
    ) -> None:
        """Build five scales of `inner_channels`, four processes, compression and shortcut."""
        super().__init__()
        self.scale0 = nn.Sequential(*norm_relu_conv(in_channels, inner_channels, 1, momentum))
        pools: list[nn.Module] = [nn.AvgPool2d(k, s, k // 2) for k, s in _POOLINGS]
        pools.append(nn.AdaptiveAvgPool2d(1))
        for index, pool in enumerate(pools, start=1):
            scale = nn.Sequential(pool, *norm_relu_conv(in_channels, inner_channels, 1, momentum))
            process = nn.Sequential(*norm_relu_conv(inner_channels, inner_channels, 3, momentum))
            self.add_module(f'scale{index}', scale)
            self.add_module(f'process{index}', process)
        self.compression = nn.Sequential(
            *norm_relu_conv(inner_channels * (len(pools) + 1), out_channels, 1, momentum)
        )
        self.shortcut = nn.Sequential(*norm_relu_conv(in_channels, out_channels, 1, momentum))
        self.pooled_scales = len(pools)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, h, w] for x [n, in, h, w]."""
        size = spatial_size(x)
        processed: list[Tensor] = [self.scale0(x)]
        for index in range(1, self.pooled_scales + 1):
            scale = self.get_submodule(f'scale{index}')(x)
            process = self.get_submodule(f'process{index}')
            processed.append(process(upsample(scale, size) + processed[-1]))
        return cast('Tensor', self.compression(torch.cat(processed, dim=1)) + self.shortcut(x))
