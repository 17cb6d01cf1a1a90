# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Hold the attentions that an RTFormer block can be built with, one a file.

Imports blocks of network alone.
"""
