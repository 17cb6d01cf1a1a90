# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run ONNX models with OpenVINO: on x86 CPUs, in bfloat16 where they have it, on Intel GPUs and NPUs.

Imports values, the common parts of engines, and OpenVINO; of TensorRT only whether a GPU is there.
"""
