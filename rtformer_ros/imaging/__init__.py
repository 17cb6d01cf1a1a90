# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Image processing for machines: encodings, codecs, resampling.

Imports errors alone; NumPy and OpenCV do the arithmetic.
"""
