# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Export vertical-layered weights: which convolutions have them, and graphs that hold their codes.

Imports the other modules of deploy; training asks it which convolutions to quantise.
"""
