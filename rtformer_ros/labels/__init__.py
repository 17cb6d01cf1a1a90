# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
What classes are: names, colours, planner groups, and what users write about them.

Imports errors and segmentation's constants alone.
"""
