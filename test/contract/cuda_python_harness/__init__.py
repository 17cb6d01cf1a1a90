# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Hold the calls of engines/tensorrt/cudart.py to the signatures of the real cuda-python.

Its wheels (8 MB each) import without a GPU. One process holds one version; the checks are started
by test/contract/test_tensorrt_cudart.py with CUDA_PYTHON naming a version of `WHEELS`.
"""

from tensorrt_wheels import Wheel

_MACHINES = ('x86_64', 'aarch64')

WHEELS = {
    '12.9': Wheel('12.9', 'cuda-bindings', '12.9.10', 10, 14, _MACHINES),
    '13.4': Wheel('13.4', 'cuda-bindings', '13.4.4', 10, 14, _MACHINES),
}
PATHFINDER = Wheel('1.8', 'cuda-pathfinder', '1.8.3', 10, 14, _MACHINES)
"""Finds libraries for the others."""
