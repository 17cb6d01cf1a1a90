# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Check a graph for what TensorRT's ONNX importer refuses.

Imports nothing but errors and deploy's reading of ONNX files.
"""
