"""Find in what TensorRT says why it could not compile a model, and what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtformer_ros.errors import EngineBuildError, EngineBuildOutOfMemory

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.engines.build import BuildOptions
    from rtformer_ros.engines.tensorrt.logger import MessageLog

OUT_OF_MEMORY = re.compile(
    r'out of ?memory|outofmemory|bad_?alloc|memoryallocation|could not be allocated|'
    r'(could not|failed to|unable to) allocate',
    re.IGNORECASE,
)
"""What TensorRT and CUDA say where memory is short."""

# A tactic that is skipped for it is no failure, but often the reason why none was left.
_SMALL_WORKSPACE = re.compile(
    r'insufficient workspace|insufficient memory on requested size|insufficient to use tactic|'
    r'increas\w+ (the )?workspace',
    re.IGNORECASE,
)
_NONE_LEFT = re.compile('could not find any implementation', re.IGNORECASE)


def build_failure(messages: MessageLog, onnx_path: Path, options: BuildOptions) -> EngineBuildError:
    """Return the error for a model that TensorRT did not compile: its words, cause and cure."""
    errors, warnings = ' '.join(messages.errors), ' '.join(messages.warnings)
    is_none_left = _NONE_LEFT.search(errors) is not None
    kind = EngineBuildError
    if OUT_OF_MEMORY.search(errors) or (is_none_left and OUT_OF_MEMORY.search(warnings)):
        kind = EngineBuildOutOfMemory
        cause = (
            'there is not enough memory to compile it; use a smaller workspace_mib (now '
            f'{options.workspace_mib}), a lower optimization_level (now '
            f'{options.optimization_level}), or close other programs'
        )
    elif _SMALL_WORKSPACE.search(errors) or (is_none_left and _SMALL_WORKSPACE.search(warnings)):
        cause = f'a workspace_mib of {options.workspace_mib} is too small for it; use twice as much'
    else:
        cause = (
            'use a lower optimization_level or precision fp32, and check the model with ONNX '
            'Runtime (engine onnxruntime)'
        )
    return kind(f'TensorRT could not compile {onnx_path}: {cause}. {messages.reason()}')
