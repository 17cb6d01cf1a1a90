# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check what files of quantised weights say of their convolutions, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any

from rtformer_ros.errors import CheckpointError, quoted
import torch
from torch import Tensor

_MOST_WEIGHTS = 1 << 28


def read_shapes(described: Any, kind: str, others: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """
    Return the shape of each convolution's weights that a header names.

    described: what it has under `kind`, a mapping with `shapes` and the others. Raises
    CheckpointError for anything else.
    """
    try:
        shapes = {str(name): tuple(shape) for name, shape in described['shapes'].items()}
        for other in others:
            described[other]
    except (LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"its header's '{kind}' does not name {', '.join(others)} and shapes: "
            f'{quoted(described)}'
        ) from error
    for name, shape in shapes.items():
        is_shape = len(shape) == 4 and all(isinstance(n, int) and n > 0 for n in shape)
        if not is_shape or math.prod(shape) > _MOST_WEIGHTS:
            raise CheckpointError(f'its header gives {quoted(name)} the shape {quoted(shape)}')
    return shapes


def check_part(
    tensor: Tensor | None, name: str, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    """Raise CheckpointError, which names it, unless a tensor is there as it has to be."""
    if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
        came = None if tensor is None else (tensor.dtype, *tensor.shape)
        raise CheckpointError(
            f"'{name}' is {quoted(came)}; expected {dtype} of shape {list(shape)}"
        )
