# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""List known models and fetch them: `python -m rtformer_ros.tools.models`."""
