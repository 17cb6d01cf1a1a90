# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Options with which ONNX Runtime loads a model, here and in the process that prepares it."""

from __future__ import annotations

import onnxruntime

# Whatever the library would log as an error is raised as one.
LOG_FATAL_ONLY = 4


def session_options(threads: int, *, is_optimized: bool = False) -> onnxruntime.SessionOptions:
    """Return the options; is_optimized: the model was, so that nothing is left to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    levels = onnxruntime.GraphOptimizationLevel
    level = levels.ORT_DISABLE_ALL if is_optimized else levels.ORT_ENABLE_ALL
    options.graph_optimization_level = level
    # Idle threads sleep: a robot has other work for the cores between two frames.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = LOG_FATAL_ONLY
    # Only what was checked is read: not the library's own format under the same suffix.
    options.add_session_config_entry('session.load_model_format', 'ONNX')
    return options
