# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Reduced precision: what a CPU computes in fast, and the INT8 files that lie beside a model.

Imports values and the request.
"""
