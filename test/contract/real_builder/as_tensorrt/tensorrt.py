# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make TensorRT-RTX the module `tensorrt` of a process; its own name stays what it is."""

import sys

import tensorrt_rtx_bindings
from tensorrt_wheels import RTX_WHEELS

# Else the package that loads the bindings sets it.
tensorrt_rtx_bindings.__version__ = RTX_WHEELS[0].release
sys.modules[__name__] = tensorrt_rtx_bindings
