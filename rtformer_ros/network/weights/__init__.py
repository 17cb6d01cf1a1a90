# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Read, recognise, convert and write trained weights.

Imports the networks and files; Paddle's files are read without Paddle.
"""
