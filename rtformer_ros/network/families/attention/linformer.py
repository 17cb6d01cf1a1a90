# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Self-attention to a fixed number of projected tokens (Linformer, arXiv 2006.04768)."""

from __future__ import annotations

from typing import cast

from rtformer_ros.network.blocks import spatial_size
from rtformer_ros.network.families.attention.self_attention import attend, norm_projection
import torch
from torch import nn, Tensor

LINFORMER_GRID = 16


class LinformerAttention(nn.Module):
    """
    Self-attention whose keys and values are projected to `tokens` ones by learned matrices.

    Linformer's own matrices are [tokens, pixels], which ties a network to one size of image. Here
    a map is averaged to a grid of 16x16 cells first, as adaptive average pooling does, and the
    matrices are [tokens, 256]: Linformer's, held constant within a cell. This works at any size
    and is Linformer itself on maps of 16x16. That, one matrix for keys and one for values shared
    by the heads, and the layers around them (those of SelfAttention) are our choice: the
    settings of RTFormer's comparison are not known.
    """

    def __init__(
        self, in_channels: int, out_channels: int, momentum: float, *, heads: int, tokens: int
    ) -> None:
        """Build the layers; where the two widths differ the map is halved as well."""
        super().__init__()
        self.qkv = norm_projection(in_channels, out_channels, 3 * out_channels, momentum)
        self.key_projection = nn.Parameter(torch.zeros(LINFORMER_GRID**2, tokens))
        self.value_projection = nn.Parameter(torch.zeros(LINFORMER_GRID**2, tokens))
        self.projection = nn.Conv2d(out_channels, out_channels, 1)
        self.heads = heads

    def draw_weights(self) -> None:
        """Draw the projections so that tokens are about as large as cells."""
        nn.init.normal_(self.key_projection, std=1 / LINFORMER_GRID)
        nn.init.normal_(self.value_projection, std=1 / LINFORMER_GRID)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, ceil(h / stride), ceil(w / stride)] for x [n, in, h, w]."""
        qkv = self.qkv(x)
        size = spatial_size(qkv)
        width = int(qkv.shape[1]) // 3
        queries, keys, values = qkv[:, :width], qkv[:, width : 2 * width], qkv[:, 2 * width :]
        attended = attend(
            self._in_heads(queries, size[0] * size[1]),
            self._in_heads(grid_means(keys), LINFORMER_GRID**2) @ self.key_projection,
            self._in_heads(grid_means(values), LINFORMER_GRID**2) @ self.value_projection,
        )
        return cast('Tensor', self.projection(attended.reshape(-1, width, *size)))

    def _in_heads(self, x: Tensor, tokens: int) -> Tensor:
        return x.reshape(-1, self.heads, int(x.shape[1]) // self.heads, tokens)


def grid_means(x: Tensor) -> Tensor:
    """
    Return the means of a map [n, c, h, w] over a grid of cells, [n, c, 16, 16].

    These are those of adaptive average pooling, which ONNX lacks, as two matrix products: cell i
    of n pixels reaches from floor(i n / 16) up to ceil((i + 1) n / 16).
    """
    rows, columns = (_cell_weights(size, x) for size in spatial_size(x))
    return rows @ x @ columns.transpose(0, 1)


def _cell_weights(pixels: int, like: Tensor) -> Tensor:
    """Return the share of each pixel in each cell, [16, pixels]."""
    # From plain numbers: a tracer would record writes into a tensor.
    weights = []
    for cell in range(LINFORMER_GRID):
        first = cell * pixels // LINFORMER_GRID
        last = -(-(cell + 1) * pixels // LINFORMER_GRID)
        share = 1 / (last - first)
        weights.append([share if first <= i < last else 0.0 for i in range(pixels)])
    return torch.tensor(weights, dtype=like.dtype, device=like.device)
