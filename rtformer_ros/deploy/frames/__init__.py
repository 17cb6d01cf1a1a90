# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Graphs that take a camera's frame as it came, and return masks and pictures of any size.

Imports the names of encodings from imaging, and deploy's reading of ONNX files.
"""
