# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Train a network: `python -m rtformer_ros.tools.train`."""
