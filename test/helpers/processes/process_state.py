# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a process of any parent runs."""

from pathlib import Path


def is_running(process_id):
    """Tell whether it is there, and no zombie that waits for its parent."""
    try:
        state = Path(f'/proc/{process_id}/stat').read_text().rpartition(')')[2].split()[0]
    except OSError:
        return False
    return state != 'Z'
