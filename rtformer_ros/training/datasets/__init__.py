# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Find the images and labels of the data sets that people train on.

Imports labels and files alone.
"""
