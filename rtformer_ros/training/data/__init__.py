# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Make batches of augmented crops.

Imports datasets and the recipe.
"""
