# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Try every packaged model on this machine's GPU: is it right, and how fast is it?"""
