# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Compile a model with TensorRT ahead of time; make FP16 and INT8 models on any machine."""
