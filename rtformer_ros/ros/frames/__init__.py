# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Frame: the configuration it is made with, its result, and the future of the next one.

Imports interface.
"""
