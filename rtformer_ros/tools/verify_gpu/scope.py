# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Scope of a verification: what is measured of a model, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from rtformer_ros.engines import BuildOptions
from rtformer_ros.tools.benchmark.streams import StreamCase

PLAN_MODES = ('CUDA graph', 'plain')
"""How a plan is run."""

_WIDTH, _HEIGHT, _RATE_HZ = 1920, 1080, 30.0
# What node_benchmark sends before it counts.
_WARM_UP_FRAMES = 10


@dataclass(frozen=True)
class Scope:
    """
    What is measured.

    variants: names of VARIANTS; plan_modes: of PLAN_MODES; torch_modes: of TORCH_MODES;
    has_onnxruntime: ONNX Runtime on the GPU; streams: what is sent to the node in each variant;
    frame_encodings: of frames that go into the first variant as they come, beside the host's way;
    frame_streams: what is sent to the node in each of these;
    runs: timed calls of each runtime; power_s: seconds of calls while power is read;
    optimization_level: of the plans; left_out: what a reader may miss, in words.
    """

    variants: tuple[str, ...]
    plan_modes: tuple[str, ...]
    torch_modes: tuple[str, ...]
    has_onnxruntime: bool
    streams: tuple[StreamCase, ...]
    frame_encodings: tuple[str, ...]
    frame_streams: tuple[StreamCase, ...]
    runs: int
    power_s: float
    optimization_level: int = BuildOptions().optimization_level
    left_out: tuple[str, ...] = ()


def _stream(outputs: tuple[str, ...], seconds: float) -> StreamCase:
    frames = _WARM_UP_FRAMES + round(seconds * _RATE_HZ)
    return StreamCase(_WIDTH, _HEIGHT, _RATE_HZ, outputs, frames)


FULL = Scope(
    variants=('FP16', 'FP32', 'INT8'),
    plan_modes=PLAN_MODES,
    torch_modes=('eager', 'CUDA graph', 'compile'),
    has_onnxruntime=True,
    streams=(_stream(('mask',), 10.0), _stream(('mask', 'overlay'), 10.0)),
    frame_encodings=('bgr8', 'yuyv', 'nv12'),
    frame_streams=(_stream(('mask',), 10.0),),
    runs=300,
    power_s=2.0,
)
"""All there is to know."""

QUICK = Scope(
    variants=('FP16',),
    plan_modes=('CUDA graph',),
    torch_modes=(),
    has_onnxruntime=False,
    streams=(_stream(('mask',), 5.0),),
    frame_encodings=(),
    frame_streams=(),
    runs=50,
    power_s=1.0,
    # Its plans have keys of their own, so that no robot is given one; and TensorRT leaves its
    # timing cache alone at this level.
    optimization_level=0,
    left_out=(
        'all models but the smallest packaged one, unless --model names another',
        'FP32 and INT8',
        'calls without a CUDA graph',
        'ONNX Runtime on the GPU and PyTorch',
        'the stream with an overlay',
        'frames as cameras send them (bgr8, yuyv, nv12), which have plans of their own',
        'the usual search for fast kernels: the plan is built at optimisation level 0 and is '
        'slower than those that the node builds for itself',
    ),
)
"""What fits into minutes."""
