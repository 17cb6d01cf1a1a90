# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Decide among the few classes that can win in each place, without enlarging the logits of all.

With ADE20K's 150 or COCO-Stuff's 171 classes, enlarging their logits to the image's size and going
through them for the winner takes four fifths of a network's time on a CPU. Between four
neighbouring small pixels only few of them can win.
"""

from __future__ import annotations

import torch
from torch import Tensor

CANDIDATES = 16
"""Classes that are looked at in each place; real logits need some five."""

# A class that none of the others is: its probability never reads as one.
_LEAST_REST = 1e-6


def has_candidates(num_classes: int, small: tuple[int, int], size: tuple[int, int]) -> bool:
    """
    Tell whether `decide_enlarged` can take logits from `small` to `size`, and is of use.

    small, size: (height, width). It takes whole, even factors, the same for both axes.
    """
    factor = size[0] // small[0]
    is_whole = size == (factor * small[0], factor * small[1])
    return is_whole and factor % 2 == 0 and factor > 0 and num_classes > 3 * CANDIDATES


def decide_enlarged(logits: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """
    Return the winning class and its probability where logits are enlarged bilinearly.

    logits: float [n, c, h, w]; factor: even. Returns the indices int64 and the probabilities
    float, [n, factor h, factor w] each, as argmax and softmax of the enlarged logits would have
    them, but for pixels whose winner is no candidate: the candidates of a cell, the area between
    four small pixels, are those nearest to winning at its corners and its centre. All other
    classes count in the probability, together as one: its logit is the logarithm of their summed
    exponentials. That bulges downwards between the corners, by what is measured at the centre.
    """
    padded = _padded(logits.permute(0, 2, 3, 1))
    highest = padded.amax(dim=-1, keepdim=True)
    lack = padded - highest
    centre = _centres(padded)
    centre_highest = centre.amax(dim=-1, keepdim=True)
    centre_lack = centre - centre_highest
    candidates = torch.maximum(_nearest(lack), centre_lack).topk(CANDIDATES, sorted=False).indices
    corners = (_corners(each) for each in (padded, highest, _total(lack)))
    values = [
        _with_rest(logits_of_corner, top, total, candidates)
        for logits_of_corner, top, total in zip(*corners, strict=True)
    ]
    mean = (values[0] + values[1] + values[2] + values[3]) * 0.25
    bulge = mean - _with_rest(centre, centre_highest, _total(centre_lack), candidates)
    enlarged = torch.stack([*values, -bulge], dim=-1) @ _weights(factor, values[0])
    classes, rest = enlarged[..., :-1, :], enlarged[..., -1:, :]
    best, winner = classes.max(dim=-2, keepdim=True)
    total = (classes - best).exp().sum(dim=-2) + (rest - best).exp().squeeze(-2)
    index = candidates.gather(-1, winner.squeeze(-2))
    return _laid_out(index, factor), _laid_out(1 / total, factor)


def _padded(logits_nhwc: Tensor) -> Tensor:
    """Return logits [n, h + 2, w + 2, c] with the pixels at the border once more around them."""
    rows = torch.cat([logits_nhwc[:, :1], logits_nhwc, logits_nhwc[:, -1:]], dim=1)
    return torch.cat([rows[:, :, :1], rows, rows[:, :, -1:]], dim=2)


def _corners(padded: Tensor) -> list[Tensor]:
    """Return what stands at the corners of each cell: top left, top right, bottom left, right."""
    return [
        padded[:, :-1, :-1],
        padded[:, :-1, 1:],
        padded[:, 1:, :-1],
        padded[:, 1:, 1:],
    ]


def _centres(padded: Tensor) -> Tensor:
    """Return the logits at the centre of each cell, the means of its corners."""
    rows = padded[:, :-1] + padded[:, 1:]
    return (rows[:, :, :-1] + rows[:, :, 1:]) * 0.25


def _nearest(lack: Tensor) -> Tensor:
    """Return what each class lacks to the winner at that corner of a cell where it lacks least."""
    rows = torch.maximum(lack[:, :-1], lack[:, 1:])
    return torch.maximum(rows[:, :, :-1], rows[:, :, 1:])


def _total(lack: Tensor) -> Tensor:
    """Return the sum of all exponentials, divided by the highest."""
    return lack.exp().sum(dim=-1, keepdim=True)


def _with_rest(logits: Tensor, highest: Tensor, total: Tensor, candidates: Tensor) -> Tensor:
    """Return the candidates' logits and, last, that of all other classes together."""
    chosen = logits.gather(-1, candidates)
    rest = total - (chosen - highest).exp().sum(dim=-1, keepdim=True)
    return torch.cat([chosen, rest.clamp(min=_LEAST_REST).log() + highest], dim=-1)


def _weights(factor: int, like: Tensor) -> Tensor:
    """Return what each corner, and the bulge, weighs in each pixel of a cell, [5, factor ** 2]."""
    steps = (torch.arange(factor, dtype=like.dtype, device=like.device) + 0.5) / factor
    pair = torch.stack([1 - steps, steps])
    corners = (pair[:, None, :, None] * pair[None, :, None, :]).reshape(4, factor * factor)
    # 0 at the corners, 1 at the centre, a half in the middle of each edge.
    arc = 2 * steps * (1 - steps)
    bulge = (arc[:, None] + arc[None, :]).reshape(1, factor * factor)
    return torch.cat([corners, bulge])


def _laid_out(cells: Tensor, factor: int) -> Tensor:
    """Return an image [n, factor h, factor w] of cells [n, h + 1, w + 1, factor * factor]."""
    _, rows, columns, _ = cells.shape
    pixels = cells.reshape(-1, rows, columns, factor, factor).permute(0, 1, 3, 2, 4)
    image = pixels.reshape(-1, factor * rows, factor * columns)
    edge = factor // 2
    return image[:, edge:-edge, edge:-edge]
