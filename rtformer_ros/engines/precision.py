# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Precisions that are asked for, on the way from a caller to TensorRT's builder."""

from __future__ import annotations

from typing import Literal

EnginePrecision = Literal['auto', 'fp32', 'fp16', 'bf16', 'int8']
"""What a caller asks of an engine; 'auto' leaves the choice to it, 'int8' is a file of its own."""

CompilePrecision = Literal['fp16', 'fp32']
"""What a model that does not carry its own precision is compiled in."""

BuilderPrecision = Literal['fp16', 'fp32', 'typed']
"""What a graph is in that TensorRT's builder gets; 'typed': in types of its own, INT8 too."""
