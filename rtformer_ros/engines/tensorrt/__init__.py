# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
TensorRT: compile ONNX models, keep the plans, run them.

build, plans, run and frames are the rooms; engine joins them; bindings (which alone imports
tensorrt), device and messages serve all of them. Imports the modules of engines but no other
engine, except that a new plan is compared with what ONNX Runtime returns.
"""
