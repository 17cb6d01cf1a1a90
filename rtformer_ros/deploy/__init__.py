# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Turn a trained network into a file that a robot runs.

Imports network for export and imaging for calibration; the rest works on ONNX graphs alone.
"""
