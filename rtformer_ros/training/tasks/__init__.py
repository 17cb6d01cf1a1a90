# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Say what a run does in its own way for each task: crops, loss, scores, pictures.

Imports data sets, data, losses and the learner.
"""
