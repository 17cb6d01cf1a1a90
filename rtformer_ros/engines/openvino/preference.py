# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Preference of `engine: auto` for OpenVINO, told without loading the library."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtformer_ros.engines.openvino.trial_record import (
    disagreement_text,
    has_library,
    LEAST_AGREEMENT,
    recorded_agreement,
)
from rtformer_ros.engines.reduced_precision.cpu_features import (
    computes_bf16,
    cpu_flags,
    describe_flags,
)
from rtformer_ros.engines.tensorrt.device import find_gpu
from rtformer_ros.errors import EngineUnavailable

if TYPE_CHECKING:
    from rtformer_ros.engines.request import EngineRequest

# The precision that is tried, by OpenVINO's name; in FP32 it is no better than others.
_TRIED = 'bf16'


@dataclass(frozen=True)
class Preference:
    """
    What `engine: auto` had better do with a request.

    reason_against: why it should leave it to the engines behind, '' where it should not.
    is_untried: the engine would try the model first, which takes longer than to open it.
    """

    reason_against: str = ''
    is_untried: bool = False


def preference_here(request: EngineRequest) -> Preference:
    """Return the preference on this machine, which knows what an earlier trial came to."""
    flags = cpu_flags()
    if reason := reason_against(request, flags, _nvidia_gpu()):
        return Preference(reason)
    is_asked_for = request.precision != 'auto' or request.device not in ('auto', 'cpu')
    if is_asked_for or not has_library():
        return Preference()
    agreement = recorded_agreement(request, _TRIED)
    if agreement is None:
        return Preference(is_untried=True)
    if agreement < LEAST_AGREEMENT:
        return Preference(disagreement_text(request.model.name, agreement))
    return Preference()


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
