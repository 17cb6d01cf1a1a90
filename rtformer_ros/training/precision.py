"""Choose the number format that a network computes in while it is trained."""

from __future__ import annotations

import torch

from rtformer_ros.errors import ConfigError
from rtformer_ros.training.recipe import Precision

_DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """
    Return the dtype for autocast; float32 means none.

    'auto' is bfloat16 where the device computes in it, else fp16 on CUDA and fp32 on CPU.
    Raises ConfigError for fp16 on a CPU, which cannot train in it.
    """
    if precision == 'fp16' and device.type == 'cpu':
        raise ConfigError("precision is 'fp16' on a CPU; expected auto, bf16 or fp32 there")
    if precision != 'auto':
        return _DTYPES[precision]
    if device.type == 'cuda':
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    computes_in_bf16 = getattr(torch.cpu, '_is_avx512_bf16_supported', lambda: False)
    return torch.bfloat16 if computes_in_bf16() else torch.float32
