# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Export weights that were trained quantised: which convolutions have them, and graphs of codes.

Imports the other modules of deploy; training asks it which convolutions to quantise.
"""
