# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Lead a training run, and keep what it needs to go on.

Imports the other rooms of training.
"""
