# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Preference of `engine: auto` for OpenVINO, told without loading the library."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from rtformer_ros.engines.reduced_precision.cpu_features import (
    computes_bf16,
    cpu_flags,
    describe_flags,
)
from rtformer_ros.engines.tensorrt.device import find_gpu
from rtformer_ros.errors import EngineUnavailable

if TYPE_CHECKING:
    from rtformer_ros.engines.request import EngineRequest


def reason_here(request: EngineRequest) -> str:
    """Return `reason_against` on this machine."""
    return reason_against(request, cpu_flags(), _nvidia_gpu())


def reason_against(request: EngineRequest, flags: Set[str], nvidia_gpu: str) -> str:
    """
    Return why `engine: auto` had better leave a model to the engines behind; '' if it had not.

    flags: features of the CPU; nvidia_gpu: the name of one in this machine, '' where none is.
    """
    if request.device.startswith(('gpu', 'npu')):
        return ''
    if request.device == 'auto' and nvidia_gpu:
        return f'it would leave the GPU of this machine idle ({nvidia_gpu})'
    if request.precision in ('fp32', 'fp16'):
        return f'precision is {request.precision}, and on a CPU it is ahead in bf16 alone'
    if not computes_bf16(flags):
        return f'it is ahead in bf16 alone, which this CPU lacks ({describe_flags(flags)})'
    return ''


def _nvidia_gpu() -> str:
    try:
        return str(find_gpu())
    except EngineUnavailable:
        return ''
