# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run a plan on the GPU.

Imports neither build nor plans; torch and cuda-python only where the one in use is opened.
"""
