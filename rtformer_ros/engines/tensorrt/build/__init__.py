# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Make a plan of an ONNX model.

The way leads find_or_build -> attempts -> parent | child -> steps -> builder; the bar is the line
between two processes. In a third one steps lets preparation end before the builder begins. Imports
plans, run (a new plan is tried) and deploy (to rewrite the graph).
"""
